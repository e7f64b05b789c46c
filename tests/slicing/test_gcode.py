"""What is read off a G-code file."""

import pytest

from lumi_box.slicing import gcode

PRUSA = """\
; filament used [mm] = 1491.16
; filament used [g] = 23.7
; total filament used [g] = 23.70
; estimated printing time (normal mode) = 1h 2m 3s
; estimated first layer printing time (normal mode) = 30s
; first_layer_height = 0.35
; layer_height = 0.2
"""


def facts_of(tmp_path, text):
    path = tmp_path / "x.gcode"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return gcode.facts(path)


def test_the_comments_of_prusaslicer_wherever_they_stand(tmp_path):
    expected = {"layer_height": 0.2, "print_time_seconds": 3723.0, "filament_grams": 23.7}
    assert facts_of(tmp_path, "G28\n" + PRUSA) == expected
    moves = "G1 X1.5 Y2.5 E0.1\n" * 100_000
    assert facts_of(tmp_path, PRUSA + moves) == facts_of(tmp_path, moves + PRUSA) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("13m 45s", 825),
        ("2d 1h 0m 9s", 176_409),
        ("59s", 59),
        ("", None),
        ("soon", None),
        ("1h 2x", None),
        ("9" * 99, None),
    ],
)
def test_times(tmp_path, text, seconds):
    told = facts_of(tmp_path, f"; estimated printing time (normal mode) = {text}\n")
    assert told["print_time_seconds"] == seconds


@pytest.mark.parametrize(
    ("line", "grams"),
    [
        ("; filament used [g] = 1.5, 2.25", 3.75),
        ("; total filament used [g] = 0.00", None),  # the filament's density is not set
        ("; filament used [g] = nan", None),
        ("; filament used [g] = 1e999", None),
        ("; filament used [g] = -4", None),
    ],
)
def test_grams(tmp_path, line, grams):
    assert facts_of(tmp_path, f"{line}\n")["filament_grams"] == grams


def test_a_file_that_says_nothing(tmp_path):
    nothing = {"layer_height": None, "print_time_seconds": None, "filament_grams": None}
    assert facts_of(tmp_path, b"") == facts_of(tmp_path, bytes(range(256)) * 4096) == nothing


@pytest.mark.parametrize(
    ("content", "good"),
    [
        (b"G28\n", True),
        (b"; made by\nM104 S200\n", True),
        (b"N1 G28\n", True),
        (b"", False),
        (b"<!doctype html>\n;", False),
    ],
)
def test_what_looks_like_gcode(tmp_path, content, good):
    path = tmp_path / "x"
    path.write_bytes(content)
    assert gcode.is_gcode(path) is good
