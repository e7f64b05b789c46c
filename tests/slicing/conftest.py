"""A finished model of alice's, and a box with a slicer."""

import dataclasses
import struct
import tempfile
from pathlib import Path

import pytest
from emulators.slicer import SlicerEmulator

from lumi_box.slicing import names, states
from lumi_box.slicing.runner import Slicer
from lumi_box.storage import ledger
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.slicing import Slicing


def with_slicer(box, **columns):
    box.config = dataclasses.replace(box.config, slicer=dataclasses.replace(box.config.slicer, **columns))


def binary_stl(triangles):
    """Each a tuple of three corners."""
    normal = (0.0, 0.0, 0.0)
    packed = [struct.pack("<12fH", *normal, *(value for corner in each for value in corner), 0) for each in triangles]
    return bytes(80) + struct.pack("<I", len(packed)) + b"".join(packed)


def box_stl(width, height):
    """A closed block that stands on z = 0."""
    corners = [(x * width, y * width, z * height) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    faces = (face for a, b, c, d in quads for face in ((a, b, c), (a, c, d)))
    return binary_stl([tuple(corners[corner] for corner in face) for face in faces])


def finished_model(box, user, stl=None):
    """With its print file, and none of its others."""
    request = GenerationRequest.create(
        user=user, prompt="a crane", variants="own", status="COMPLETED", phase="COMPLETED"
    )
    image = Image.create(request=request, position=0, prompt="a crane", status="COMPLETED")
    made = GeneratedModel.create(user=user, request=request, image=image, name="a crane", status="COMPLETED")
    with tempfile.NamedTemporaryFile() as file:
        file.write(stl if stl is not None else box_stl(20.0, 60.0))
        file.flush()
        owner = ledger.Owner(user.id, request.id, made.id)
        kept = ledger.keep(box.storage, f"models/{made.id}/model.stl", Path(file.name), owner)
    ledger.promote([kept])
    GeneratedModel.update(stl_key=kept.key).where(GeneratedModel.id == made.id).execute()
    return GeneratedModel.get_by_id(made.id)


def make_due(row=None):
    which = Slicing.status == names.SLICING
    Slicing.update(due_at=1).where(which if row is None else which & (Slicing.id == row.id)).execute()


@pytest.fixture
def model(box, alice):
    return finished_model(box, alice)


@pytest.fixture
def slicer():
    with SlicerEmulator() as emulator:
        emulator.settings.fetches_models = False  # nobody serves files in most tests
        yield emulator


@pytest.fixture
def service_box(box, slicer):
    with_slicer(box, kind="service", url=slicer.url)
    return box


@pytest.fixture
def soon(monkeypatch):
    """Waits of the slicer's pace are short."""
    monkeypatch.setattr(states, "FIRST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(states, "LONGEST_WAIT_SECONDS", 0.05)


@pytest.fixture
def runners():
    """Started ones, each as on a node of its own; ended after the test."""
    started = []

    def start(box, count=1):
        made = [Slicer(box) for _ in range(count)]
        started.extend(made)
        for each in made:
            each.start()
        return made

    yield start
    for each in started:
        each.stop()
        assert each.wait(20)
