"""Wavefront OBJ, read block by block: what exporters usually write by the thousand lines, the rest line by line."""

from __future__ import annotations

import re
import time
from array import array
from collections.abc import Hashable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lumi_box.meshes.read_mtl import Siblings, read_materials
from lumi_box.meshes.read_parts import GREY, MAX_UV, Parts, Surface, check_counts
from lumi_box.meshes.read_texture import bad_model

BLOCK = 1 << 20
MAX_SECONDS = 60.0  # two million faces take a tenth of that
MAX_MATERIALS = 4096
MAX_NAME = 200

_NUMBER, _INDEX, _GAP, _END = rb"[-+.0-9eE]{1,32}+", rb"[0-9]{1,9}+", rb"[ \t]++", rb"[ \t]*+\r?\n"


def _line(keyword: bytes, *fields: bytes) -> bytes:
    return rb"(?:" + keyword + b"".join(_GAP + field for field in fields) + _END + rb")++"


def _corners(field: bytes) -> bytes:
    return _line(b"f", field, field, field)


# Each alternative is a run of lines of one kind; only the last takes a single line.
_RUN = re.compile(
    b"|".join(
        b"(?P<" + name + b">" + pattern + b")"
        for name, pattern in {
            b"v": _line(b"v", _NUMBER, _NUMBER, _NUMBER),
            b"vt": _line(b"vt", _NUMBER, _NUMBER),
            b"f3": _corners(_INDEX + b"/" + _INDEX + b"/" + _INDEX),
            b"f2": _corners(_INDEX + b"/" + _INDEX),
            b"fn": _corners(_INDEX + b"//" + _INDEX),
            b"f1": _corners(_INDEX),
            b"ignored": rb"(?:(?:[^vfum\s]|vn[ \t])[^\n]*+\n|\r?\n)++",
            b"line": rb"[^\n]*+\n",
        }.items()
    )
)
_NO_LETTERS = bytes.maketrans(b"vtf/", b"    ")
_FIELDS = {"f3": 3, "f2": 2, "fn": 2, "f1": 1}  # numbers of each corner


def read_obj(path: Path, siblings: Mapping[str, Path]) -> Parts:
    """`siblings` are the files that came along, by name; nothing else is ever opened for it."""
    _count(path)
    reader = _Reader(Siblings(siblings))
    until = time.monotonic() + MAX_SECONDS
    for block in _blocks(path):
        reader.read(block)
        if time.monotonic() > until:
            raise bad_model("reading takes too long")
    return reader.parts()


def _count(path: Path) -> None:
    """A look ahead that costs no memory; the reader counts again as it goes."""
    faces = vertices = 0
    for block in _blocks(path):
        if b"\0" in block:
            raise bad_model("neither a ZIP, nor a binary glTF, nor an OBJ")
        faces += block.count(b"\nf ")
        vertices += block.count(b"\nv ")
        check_counts(faces, vertices)


def _blocks(path: Path) -> Iterator[bytes]:
    """About BLOCK bytes at a time, cut after a line; a line that a backslash continues is joined."""
    with path.open("rb") as file:
        rest = b""
        while data := file.read(BLOCK):
            block = rest + data
            cut = _last_end(block)
            if cut == 0 and len(block) > 2 * BLOCK:
                raise bad_model("a line of more than a megabyte")
            rest = block[cut:]
            if cut:
                yield _joined(block[:cut])
        yield _joined(rest + b"\n")


def _last_end(block: bytes) -> int:
    """Just past the last line break that no backslash cancels, 0 if there is none."""
    end = block.rfind(b"\n")
    while end > 0 and block[max(end - 2, 0) : end].rstrip(b"\r").endswith(b"\\"):
        end = block.rfind(b"\n", 0, end)
    return end + 1


def _joined(block: bytes) -> bytes:
    return re.sub(rb"\\\r?\n", b" ", block) if b"\\" in block else block


class _Reader:
    """Collects numbers in plain arrays, which grow in place; positions count from 1 as in the file, 0 is none."""

    def __init__(self, siblings: Siblings) -> None:
        self._siblings = siblings
        self._vertices, self._uv = array("d"), array("d")
        self._corners, self._places = array("i"), array("i")
        self._materials: dict[str, Surface] = {}
        self._numbers: dict[str, int] = {"": 0}  # of each material name in use
        self._starts, self._surfaces = array("q", [0]), array("q", [0])  # from this corner on, that material

    def read(self, block: bytes) -> None:
        for run in _RUN.finditer(block):
            kind = run.lastgroup or ""
            try:
                if kind == "line":
                    self._read_line(run[0])
                elif kind != "ignored":
                    self._read_run(kind, run[0].translate(_NO_LETTERS).split())
            except (ValueError, OverflowError) as error:
                raise bad_model(f"no OBJ: {run[0][:40]!r}") from error
            self._check_counts()

    def parts(self) -> Parts:
        lengths = np.diff(np.append(np.array(self._starts), len(self._corners))) // 3
        return Parts(
            vertices=np.array(self._vertices).reshape(-1, 3),
            faces=np.array(self._corners, np.int64).reshape(-1, 3) - 1,
            uv=np.array(self._uv).reshape(-1, 2),
            uv_faces=np.array(self._places, np.int64).reshape(-1, 3) - 1,
            face_surfaces=np.repeat(np.array(self._surfaces), lengths),
            surfaces=[self._materials.get(name, Surface(GREY)) for name in self._numbers],
            open_texture=_open,
        )

    def _check_counts(self) -> None:
        check_counts(len(self._corners) // 3, len(self._vertices) // 3)
        if len(self._uv) > 2 * MAX_UV:
            raise bad_model(f"{len(self._uv) // 2} texture coordinates or more")

    def _read_run(self, kind: str, words: list[bytes]) -> None:
        if kind in ("v", "vt"):
            (self._vertices if kind == "v" else self._uv).extend(map(float, words))
            return
        step = _FIELDS[kind]
        self._corners.extend(map(int, words[::step]))
        has_places = kind in ("f3", "f2")
        self._places.extend(map(int, words[1::step]) if has_places else bytes(len(words) // step))

    def _read_line(self, line: bytes) -> None:
        keyword, *words = line.split() or [b""]
        if keyword == b"v":
            x, y, z = words[:3]
            self._vertices.extend((float(x), float(y), float(z)))
        elif keyword == b"vt":
            self._uv.extend(float(word) for word in (*words, b"0", b"0")[:2])
        elif keyword == b"f":
            self._read_polygon(words)
        elif keyword == b"usemtl":
            self._use(_rest(line))
        elif keyword == b"mtllib" and not self._materials:
            self._load(_rest(line))

    def _read_polygon(self, words: list[bytes]) -> None:
        """Cut into a fan; negative numbers count back from what has been read so far."""
        if len(words) < 3:
            raise bad_model("a face of fewer than three corners")
        corners = [self._corner(word) for word in words]
        for second, third in pairwise(corners[1:]):
            for vertex, place in (corners[0], second, third):
                self._corners.append(vertex)
                self._places.append(place)

    def _corner(self, word: bytes) -> tuple[int, int]:
        vertex, _, rest = word.partition(b"/")
        place = rest.partition(b"/")[0]
        return _position(int(vertex), len(self._vertices) // 3), _position(int(place or 0), len(self._uv) // 2)

    def _use(self, name: str) -> None:
        number = self._numbers.setdefault(name, len(self._numbers))
        if number >= MAX_MATERIALS:
            raise bad_model("too many materials")
        if self._starts[-1] == len(self._corners):
            self._surfaces[-1] = number
        else:
            self._starts.append(len(self._corners))
            self._surfaces.append(number)

    def _load(self, named: str) -> None:
        path = self._siblings.find(named) or self._siblings.only(".mtl")
        if path is not None:
            self._materials = read_materials(path, self._siblings)


def _rest(line: bytes) -> str:
    """What follows the keyword, which may hold blanks."""
    _, *rest = line.split(None, 1)
    return b"".join(rest).decode("utf-8", errors="replace").strip()[:MAX_NAME]


def _position(number: int, count: int) -> int:
    return number if number >= 0 else max(count + number + 1, 0)


def _open(texture: Hashable) -> BinaryIO:
    assert isinstance(texture, Path)  # noqa: S101  the only kind that this reader gives out
    return texture.open("rb")
