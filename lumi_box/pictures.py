"""Pictures made smaller for lists. For the worker only: it loads Pillow."""

import io

from PIL import Image

THUMBNAIL_PIXELS = 512


def thumbnail(data: bytes) -> bytes:
    """The picture as WebP, its longer side at most 512 pixels."""
    with Image.open(io.BytesIO(data)) as picture:
        small = picture.convert("RGB")
        small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        target = io.BytesIO()
        small.save(target, "WEBP", quality=82)
    return target.getvalue()
