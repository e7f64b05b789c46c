"""Providers for tests of what is around them: they speak the seam of providers/base.py and do as they are told."""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path

import numpy as np
from PIL import Image

from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.providers.base import ImageOrder, ModelOrder, Pending, Picture, Ready, Ticket


def png(colour: tuple[int, int, int] = (200, 90, 40), size: int = 64) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(target, "PNG")
    return target.getvalue()


class Scripted:
    """Counts what it is asked for. `fail_next` queues errors; `tickets` makes it answer as a slow vendor does."""

    metered = True

    def __init__(self) -> None:
        self.submitted: list[object] = []
        self.polled: list[str] = []
        self.tickets: deque[Pending | Ready] = deque()
        self.slow = False
        self._failures: deque[BaseException] = deque()
        self._poll_failures: deque[BaseException] = deque()

    def check(self) -> str:
        return "It does as it is told."

    def fail_next(self, *errors: BaseException) -> None:
        self._failures.extend(errors)

    def fail_next_poll(self, *errors: BaseException) -> None:
        self._poll_failures.extend(errors)

    def _submit(self, order: object) -> Ticket | Ready:
        self.submitted.append(order)
        if self._failures:
            raise self._failures.popleft()
        return Ticket(f"vendor-{len(self.submitted)}") if self.slow else Ready("")

    def poll(self, ticket: Ticket) -> Pending | Ready:
        self.polled.append(ticket.id)
        if self._poll_failures:
            raise self._poll_failures.popleft()
        return self.tickets.popleft() if self.tickets else Ready("")


class ScriptedImages(Scripted):
    name = "scripted"

    def submit(self, order: ImageOrder) -> Ticket | Ready:
        return self._submit(order)

    def fetch(self, ready: Ready) -> Picture:
        return Picture(png(), "image/png", {"shape": "ball"})


class ScriptedModels(Scripted):
    name = "scripted"

    def submit(self, order: ModelOrder) -> Ticket | Ready:
        return self._submit(order)

    def fetch(self, ready: Ready, order: ModelOrder, workdir: Path) -> TexturedMesh:
        return cube()


def cube() -> TexturedMesh:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))], dtype=np.int64)
    uv = np.array([[0, 0], [1, 0], [1, 1]], dtype=np.float64)
    return TexturedMesh(
        corners, faces, uv, np.tile([0, 1, 2], (len(faces), 1)), Image.new("RGB", (8, 8), (90, 160, 90))
    )
