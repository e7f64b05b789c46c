"""Pure: row -> storage key. Rows store keys; addresses are made when they are read."""

from pathlib import PurePosixPath

IMAGE_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".obj": "model/obj",
    ".mtl": "model/mtl",
    ".glb": "model/gltf-binary",
    ".stl": "model/stl",
    ".3mf": "model/3mf",
    ".gcode": "text/x.gcode",
}


def image_key(request_id: str, position: int, seed: int, media_type: str) -> str:
    """A repainted picture gets a name of its own: the one before stays whole until the new one is kept."""
    return f"images/{request_id}/{_stem(position, seed)}.{IMAGE_EXTENSIONS[media_type]}"


def thumbnail_key(request_id: str, position: int, seed: int) -> str:
    return f"images/{request_id}/{_stem(position, seed)}.thumb.webp"


def model_key(model_id: str, file_name: str) -> str:
    return f"models/{model_id}/{file_name}"


def media_type(key: str) -> str:
    return MEDIA_TYPES.get(PurePosixPath(key).suffix.lower(), "application/octet-stream")


def folder(key: str) -> str:
    """What a signed address covers: the files that lie beside each other."""
    return str(PurePosixPath(key).parent)


def _stem(position: int, seed: int) -> str:
    return str(position) if seed == 0 else f"{position}-{seed}"
