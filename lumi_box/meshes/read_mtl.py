"""Materials of a Wavefront OBJ: the plain colour and the colour texture, nothing else matters to us."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from lumi_box.meshes.read_parts import GREY, Colour, Surface
from lumi_box.meshes.read_texture import bad_model

MAX_BYTES = 1 << 20
MAX_MATERIALS = 4096
PICTURES = (".png", ".jpg", ".jpeg", ".webp")


class Siblings:
    """The files that came with an OBJ, found by base name without regard to case, and never anywhere else."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = {base_name(name): path for name, path in files.items()}

    def find(self, named: str) -> Path | None:
        """By the whole text, since names may hold blanks, then by its last word, since options may stand before."""
        words = named.split()
        return self._files.get(base_name(named)) or (self._files.get(base_name(words[-1])) if words else None)

    def only(self, *suffixes: str) -> Path | None:
        """The one file of a kind: it is meant, even if a vendor renamed it and forgot to say so."""
        found = [path for name, path in self._files.items() if name.endswith(suffixes)]
        return found[0] if len(found) == 1 else None


def base_name(text: str) -> str:
    return PurePosixPath(text.strip().strip('"').replace("\\", "/")).name.lower()


def read_materials(path: Path, siblings: Siblings) -> dict[str, Surface]:
    """By name. A texture that did not come along leaves the plain colour."""
    if path.stat().st_size > MAX_BYTES:
        raise bad_model("a material file over 1 MB")
    surfaces: dict[str, Surface] = {}
    name = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword.lower() == "newmtl":
            name = rest.strip()[:200]  # as the OBJ's reader cuts them
            surfaces[name] = Surface(GREY)
            if len(surfaces) > MAX_MATERIALS:
                raise bad_model("too many materials")
        elif name:
            surfaces[name] = _with(surfaces[name], keyword.lower(), rest, siblings)
    return surfaces


def _with(surface: Surface, keyword: str, rest: str, siblings: Siblings) -> Surface:
    if keyword == "kd":
        return Surface(_colour(rest), surface.texture)
    if keyword == "map_kd":
        return Surface(surface.colour, siblings.find(rest) or siblings.only(*PICTURES))
    return surface


def _colour(text: str) -> Colour:
    """Kd of one value is a grey; anything else than numbers leaves the usual grey."""
    try:
        values = [min(max(float(word), 0.0), 1.0) for word in text.split()[:3]]
    except ValueError:
        return GREY
    if len(values) == 3:
        return (values[0], values[1], values[2])
    return (values[0], values[0], values[0]) if values else GREY
