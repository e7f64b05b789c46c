"""The slicer: whether there is one, which it is, and with which settings it slices."""

from __future__ import annotations

import threading

from config.effects import effect
from config.effects.world import outcome

from lumi_box.slicing import begin, command
from lumi_box.slicing.service import SlicerService

COMMAND = {"slicer.kind": "command", "slicer.command": "{bin}/one"}
SERVICE = {"slicer.kind": "service", "slicer.url": "{url}"}


@effect(
    "slicer.kind",
    ("none", "NotConfigured"),
    ("command", None),
    ("service", None),
    given={"slicer.command": "true", "slicer.url": "{url}"},
)
def whether_a_model_can_be_sliced(world, config):
    return outcome(lambda: begin.require_slicer(world.box(config)))


def _called(world, config):
    """The words with which the program was called, its own name first; the files' names are left out."""
    model = config.folder / "model.stl"
    model.write_bytes(b"solid")
    outcome(lambda: command.run(config, model, config.folder / "out.gcode", threading.Event(), lambda _: None))
    words = (world.programs / "called").read_text().split()
    return [word.removeprefix(f"{config.folder}/") for word in words if not word.endswith((".stl", ".gcode"))]


@effect(
    "slicer.command",
    ("{bin}/one", ["one", "--export-gcode", "--output"]),
    ("{bin}/two", ["two", "--export-gcode", "--output"]),
    given={"slicer.kind": "command"},
)
@effect(
    "slicer.profile",
    ("pla.ini", ["one", "--export-gcode", "--load", "pla.ini", "--output"]),
    ("petg.ini", ["one", "--export-gcode", "--load", "petg.ini", "--output"]),
    given=COMMAND,
)
def how_the_program_is_called(world, config):
    return _called(world, config)


@effect("slicer.url", ("{url}", ""), ("{url}/v9", "/v9"), given=SERVICE)
def where_the_service_is_asked(world, config):
    outcome(lambda: SlicerService(config).submit("http://lumi/model.stl", "model.stl"))
    return world.last().path.partition("/api/")[0]
