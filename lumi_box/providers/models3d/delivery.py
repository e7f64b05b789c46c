"""The finished model brought home: the file itself, and what lies beside an OBJ that came bare. For the worker only."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from lumi_box.config import Config
from lumi_box.errors import Refused
from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.meshes.read import read_mesh
from lumi_box.providers.fetching import fetch

FETCH_SECONDS = 300.0
_HEAD_BYTES = 1 << 16  # an OBJ names its materials before it uses them
_MTL_BYTES = 1 << 20
_MAX_TEXTURES = 4
_PACKED = (b"PK\x03\x04", b"glTF")
_MATERIALS = re.compile(rb"^[ \t]*mtllib[ \t]+([^\r\n]+)", re.MULTILINE | re.IGNORECASE)
_TEXTURE = re.compile(rb"^[ \t]*map_Kd[ \t]+([^\r\n]+)", re.MULTILINE | re.IGNORECASE)

logger = logging.getLogger(__name__)


def bring_home(url: str, workdir: Path, config: Config) -> TexturedMesh:
    """A ZIP, a GLB or an OBJ, decided by its content."""
    folder = workdir / "delivery"
    folder.mkdir()
    fetched = _Folder(url, folder, config)
    model = fetched.bring(None)
    siblings = {} if _starts(model, _PACKED) else fetched.siblings(model)
    return read_mesh(model, folder, siblings)


class _Folder:
    """Files of one folder of the vendor's store, kept under names of our own."""

    def __init__(self, url: str, folder: Path, config: Config) -> None:
        self._url, self._folder, self._config = url, folder, config
        self._count = 0

    def bring(self, name: str | None) -> Path:
        """The file at the address, or the one of this name beside it: its path is another, its signature the same."""
        self._count += 1
        target = self._folder / f"fetched-{self._count:02}"
        fetch(
            self._url if name is None else _beside(self._url, name),
            target,
            limit_bytes=self._config.limits.max_model_mb << 20,
            deadline_seconds=FETCH_SECONDS,
            allowed_hosts=self._config.providers.allowed_hosts,
        )
        return target

    def siblings(self, model: Path) -> dict[str, Path]:
        """The material that the OBJ names, and the textures that the material names."""
        found: dict[str, Path] = {}
        for material in list(_names(_MATERIALS, _head(model, _HEAD_BYTES)))[:1]:
            if self._add(found, material):
                for texture in list(_names(_TEXTURE, _head(found[material], _MTL_BYTES)))[:_MAX_TEXTURES]:
                    self._add(found, texture)
        return found

    def _add(self, found: dict[str, Path], name: str) -> bool:
        """What is not there, or not for us, is done without: a model without colours is better than none."""
        try:
            found[name] = self.bring(name)
        except Refused as error:
            logger.warning("a file beside the model could not be fetched: %s", error.code)
        return name in found


def _beside(url: str, name: str) -> str:
    address, mark, query = url.partition("?")
    return f"{address.rpartition('/')[0]}/{quote(name)}{mark}{query}"


def _names(pattern: re.Pattern[bytes], text: bytes) -> Iterator[str]:
    """Base names, each once: whatever folders a hostile file names, we stay in the one that the vendor named."""
    seen: set[str] = set()
    for match in pattern.finditer(text):
        words = match[1].decode("utf-8", errors="replace").strip().strip('"').replace("\\", "/")
        name = PurePosixPath(words).name
        if name not in ("", ".", "..") and name not in seen:
            seen.add(name)
            yield name


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def _starts(path: Path, magics: tuple[bytes, ...]) -> bool:
    return _head(path, 4).startswith(magics)
