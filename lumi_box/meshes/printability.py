"""What a slicer would stumble over in a mesh that is to be printed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumi_box.meshes.measure import support_margin, volume

Points = NDArray[np.float64]
Faces = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PrintFacts:
    """None of them changes with the height that it is printed at.

    `open_edges` belong to one face only: the surface has a hole there. `crowded_edges` belong to three or more, or to
    two that disagree which side is outside. `parts` are not connected by any face.
    """

    open_edges: int
    crowded_edges: int
    parts: int
    inside_out: bool
    unstable: bool
    repaired: tuple[str, ...]

    @property
    def watertight(self) -> bool:
        """Every edge belongs to exactly two faces, which run along it in opposite directions."""
        return self.open_edges == self.crowded_edges == 0


def examine(vertices: Points, faces: Faces, repaired: tuple[str, ...] = ()) -> PrintFacts:
    """Of a welded mesh as it is printed: Z up, standing on z = 0."""
    starts, ends = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    edges, count, forward = _edges(starts, ends, len(vertices))
    height = float(np.ptp(vertices[:, 2]))
    return PrintFacts(
        open_edges=int((count == 1).sum()),
        crowded_edges=int(((count > 2) | ((count == 2) & (forward != 1))).sum()),
        parts=_parts(edges, len(vertices)),
        inside_out=volume(vertices, faces) <= 0,
        unstable=support_margin(vertices, faces, up=2, contact=height / 100) < 0,
        repaired=repaired,
    )


def _edges(starts: Faces, ends: Faces, vertices: int) -> tuple[Faces, Faces, Faces]:
    """The edges as (lower vertex * vertices + higher), how many faces have each, and how many of them run upwards."""
    forward = starts < ends
    keys = np.sort(((np.minimum(starts, ends) * vertices + np.maximum(starts, ends)) << 1) | forward)
    firsts = np.flatnonzero(np.r_[True, keys[1:] >> 1 != keys[:-1] >> 1])
    return keys[firsts] >> 1, np.diff(np.r_[firsts, len(keys)]), np.add.reduceat(keys & 1, firsts)


def _parts(edges: Faces, count: int) -> int:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(edges), bool), np.divmod(edges, count)), shape=(count, count))
    return int(connected_components(graph, directed=False, return_labels=False))
