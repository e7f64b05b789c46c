"""The renderer shows the right surface in the right place."""

import numpy as np
import pytest
from meshes.known_meshes import box
from PIL import Image

from lumi_box.meshes.preview import render_preview
from lumi_box.meshes.rasterise import rasterise


def triangle(z, *points):
    return [(x, y, z) for x, y in points]


def test_a_triangle_covers_its_area():
    fragments = rasterise(np.array([triangle(0.0, (10, 10), (10, 90), (90, 90))], dtype=float), 100)
    assert len(fragments.pixel) == pytest.approx(3200, rel=0.03)
    assert fragments.weights.sum(axis=1) == pytest.approx(1.0)


def test_the_nearer_triangle_wins_whatever_the_order():
    far, near = triangle(1.0, (0, 0), (0, 100), (100, 100)), triangle(5.0, (0, 20), (0, 80), (60, 80))
    for corners, winner in (([far, near], 1), ([near, far], 0)):
        fragments = rasterise(np.array(corners, dtype=float), 100)
        assert fragments.face[fragments.pixel == 70 * 100 + 10] == winner


def test_faces_that_look_away_are_left_out():
    assert len(rasterise(np.array([triangle(0.0, (10, 10), (90, 90), (10, 90))], dtype=float), 100).pixel) == 0


def test_triangles_that_share_an_edge_leave_no_gap():
    square = [triangle(0, (10, 10), (10, 90), (90, 90)), triangle(0, (10, 10), (90, 90), (90, 10))]
    assert len(rasterise(np.array(square, dtype=float), 100).pixel) == 80 * 80


def test_what_lies_outside_the_picture_is_cut_off():
    assert len(rasterise(np.array([triangle(0, (-50, -50), (-50, 300), (300, 300))], dtype=float), 100).pixel) > 4000


@pytest.mark.parametrize("options", [{}, {"faceted": True}, {"texture": None}, {"texture": Image.new("RGB", (1, 1))}])
def test_any_mesh_can_be_shown(options):
    picture = render_preview(box(**options), 64)
    assert picture.size == (64, 64)
    alpha = np.asarray(picture)[..., 3]
    assert 0.15 < (alpha == 255).mean() < 0.8


def test_the_front_is_seen_from_the_front():
    """A box seen straight on fills its own proportions."""
    alpha = np.asarray(render_preview(box(2, 4, 1), 128, turn=0, lift=0))[..., 3] == 255
    rows, columns = alpha.any(axis=1).sum(), alpha.any(axis=0).sum()
    assert rows / columns == pytest.approx(2.0, rel=0.05)
