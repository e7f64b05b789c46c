"""The result files by name: the sound ones that vendors deliver, and those that a client must survive."""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass

from emulators import figures, pictures

PNG, ZIP, GLB = "image/png", "application/zip", "model/gltf-binary"
Body = bytes | Generator[bytes]


@dataclass(frozen=True, slots=True)
class Made:
    """`name` as the vendor would call it; `body` makes the content, anew each time where it is streamed.
    `siblings` lie beside it in the same folder."""

    name: str
    content_type: str
    body: Callable[[], Body]
    siblings: tuple[Made, ...] = ()


def make(kind: str, words: str, *, source: bytes | None = None, **options: int) -> Made:
    """`words` seed the content; `source` is the picture that the model is made from."""
    if kind in SOUND:
        return SOUND[kind](words, source)
    return HOSTILE[kind](**options)


def _obj_zip(words: str, source: bytes | None) -> Made:
    """The names and the folder differ from job to job, as they do in reality."""
    token = hashlib.sha256(words.encode()).hexdigest()
    folder = ("", "model/", f"{token[:8]}/", "output/textured/")[int(token[0], 16) % 4]
    stem = ("model", "textured_mesh", f"{token[:12]}_0")[int(token[1], 16) % 3]
    skin = ("material.png", f"{stem}_texture.png", "texture_20250513.png")[int(token[2], 16) % 3]

    def body() -> bytes:
        shape = figures.figure(words, source)
        return _zip({
            f"{folder}{stem}.obj": figures.obj_text(shape, f"{stem}.mtl"),
            f"{folder}{stem}.mtl": figures.mtl_text(skin),
            f"{folder}{skin}": shape.texture,
        })  # fmt: skip

    return Made(f"{token[:16]}_0.zip", ZIP, body)


def _bare_obj(words: str, source: bytes | None) -> Made:
    shape = functools.cache(lambda: figures.figure(words, source))
    return Made(
        "model.obj",
        "application/octet-stream",
        lambda: figures.obj_text(shape(), "material.mtl"),
        (
            Made("material.mtl", "application/octet-stream", lambda: figures.mtl_text("material.png")),
            Made("material.png", PNG, lambda: shape().texture),
        ),
    )


def _glb(words: str, source: bytes | None) -> Made:
    return Made("model.glb", GLB, lambda: figures.glb(figures.figure(words, source)))


def _stl(words: str, source: bytes | None) -> Made:
    return Made("model.stl", "model/stl", lambda: figures.stl(figures.figure(words, source)))


def _picture(words: str, source: bytes | None) -> Made:
    return Made("preview.png", PNG, lambda: pictures.picture(words, 512, 512))


def _zip(entries: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in entries.items():
            stored = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, compress_type=stored)
    return target.getvalue()


@functools.cache
def _big_zip(megabytes: int = 30) -> bytes:
    """A sound model whose texture is noise, so that the archive is as large as it says."""
    shape = figures.figure("big")
    side = int((megabytes * 1_000_000 / 3) ** 0.5) + 1
    return _zip({
        "big/model.obj": figures.obj_text(shape, "model.mtl"),
        "big/model.mtl": figures.mtl_text("texture.png"),
        "big/texture.png": pictures.noise_picture(side),
    })  # fmt: skip


@functools.cache
def _bomb(megabytes: int = 1024) -> bytes:
    """An archive of about a thousandth of what it unpacks to."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        with archive.open("model.obj", "w", force_zip64=True) as entry:
            entry.write(b"v 0 0 0\n")
            for _ in range(megabytes):
                entry.write(b" " * (1 << 20))
        archive.writestr("model.mtl", figures.mtl_text("texture.png"))
    return target.getvalue()


def _traversal() -> bytes:
    shape = figures.figure("traversal")
    return _zip({
        "../../../../tmp/lumi-escaped.obj": figures.obj_text(shape, "model.mtl"),
        "/etc/lumi-escaped.mtl": figures.mtl_text("../../../../etc/passwd"),
        "..\\..\\lumi-escaped.png": shape.texture,
    })  # fmt: skip


def _without_obj() -> bytes:
    return _zip({"readme.txt": b"no model here", "texture.png": pictures.picture("none", 128, 128)})


def _many_entries(count: int = 20_000) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(count):
            archive.writestr(f"part_{number}.txt", b"")
    return target.getvalue()


class _Pipe(io.RawIOBase):
    """What a ZIP writer has written since the last look."""

    def __init__(self) -> None:
        self.ready = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # any buffer that zipfile passes
        self.ready += data
        return len(data)

    def take(self) -> bytes:
        taken, self.ready = bytes(self.ready), bytearray()
        return taken


def _many_faces(faces: int = 5_000_000) -> Generator[bytes]:
    """A sound OBJ ZIP of a ribbon with so many triangles, made line by line while it is being sent."""
    pipe = _Pipe()
    with (
        zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("ribbon.obj", "w", force_zip64=True) as entry,
    ):
        for block in _ribbon(faces):
            entry.write(block)
            yield from _chunks(pipe)
    yield from _chunks(pipe)


def _chunks(pipe: _Pipe) -> Generator[bytes]:
    if taken := pipe.take():
        yield taken


def _ribbon(faces: int) -> Generator[bytes]:
    step = 20_000
    for start in range(0, faces + 2, step):
        rows = range(start, min(start + step, faces + 2))
        yield "".join(f"v {row * 1e-6:.6f} {row % 2} {row % 7 * 0.01:.2f}\n" for row in rows).encode()
    for start in range(1, faces + 1, step):
        rows = range(start, min(start + step, faces + 1))
        yield "".join(f"f {row} {row + 1} {row + 2}\n" for row in rows).encode()


def _fixed(name: str, content_type: str, body: Callable[..., Body]) -> Callable[..., Made]:
    return lambda **options: Made(name, content_type, lambda: body(**options))


SOUND: dict[str, Callable[[str, bytes | None], Made]] = {
    "obj-zip": _obj_zip,
    "bare-obj": _bare_obj,
    "glb": _glb,
    "stl": _stl,
    "picture": _picture,
}
HOSTILE: dict[str, Callable[..., Made]] = {
    "zip-30mb": _fixed("model.zip", ZIP, _big_zip),
    "zip-bomb": _fixed("model.zip", ZIP, _bomb),
    "zip-traversal": _fixed("model.zip", ZIP, _traversal),
    "zip-without-obj": _fixed("model.zip", ZIP, _without_obj),
    "zip-many-entries": _fixed("model.zip", ZIP, _many_entries),
    "zip-broken": _fixed("model.zip", ZIP, lambda: b"PK\x03\x04" + bytes(range(256)) * 8),
    "five-million-faces": _fixed("model.zip", ZIP, _many_faces),
    "huge-picture": _fixed("picture.png", PNG, pictures.huge_picture),
    "not-a-picture": _fixed("picture.png", PNG, lambda: b"<html><body>not a picture</body></html>"),
    "empty": _fixed("empty.bin", "application/octet-stream", lambda: b""),
}
