"""What the painters in the cloud have in common: seeds, sizes, what not to paint, and bringing the picture home."""

from __future__ import annotations

import hashlib
import logging
import math
import tempfile
from collections.abc import Collection
from pathlib import Path

from lumi_box.config import Config
from lumi_box.errors import AnswerLost
from lumi_box.providers.base import ImageOrder, Picture
from lumi_box.providers.fetching import fetch
from lumi_box.providers.http import Answer
from lumi_box.providers.messages import LOST_PICTURE

Size = tuple[int, int]

# What cannot be printed, or hides the shape from whoever builds the model.
NEGATIVE_PROMPT = (
    "cluttered background, scenery, several objects, cropped, cut off at the edge, floating parts, loose hair, "
    "thin wires, lattice, holes, smoke, transparent, text, watermark, frame, hard shadow, blurry, low quality"
)
FETCH_SECONDS = 120.0

logger = logging.getLogger(__name__)


def seed_of(order: ImageOrder) -> int:
    """0 to 2147483647: the same order has the same seed, and four pictures of one prompt have four."""
    words = f"{order.seed}/{order.position}/{order.prompt}"
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") >> 1


def fitted_prompt(prompt: str, limit: int) -> str:
    """Cut by us where the vendor would cut it without a word."""
    if len(prompt) > limit:
        logger.info("prompt cut from %d to %d characters: the model reads no more", len(prompt), limit)
    return prompt[:limit]


def nearest_size(wanted: Size, allowed: Collection[Size], model: str) -> Size:
    """The allowed size closest in shape, then in area; a warning says so when it is another."""
    found = min(allowed, key=lambda size: (abs(_shape(size) - _shape(wanted)), abs(_area(size) - _area(wanted))))
    if found != wanted:
        logger.warning("%s does not paint %dx%d: it will paint %dx%d", model, *wanted, *found)
    return found


def parse_size(text: str, separator: str) -> Size:
    width, height = text.split(separator)
    return int(width), int(height)


def lost(answer: Answer) -> AnswerLost:
    """For an answer to an order that does not tell what became of it."""
    reason = f"status {answer.status} without a word of the vendor's"
    return AnswerLost(LOST_PICTURE, code="answer_lost", vendor_text=reason, request_id=answer.request_id)


def bring_home(url: str, config: Config) -> Picture:
    """Fetched without keys, within the limits, and encoded anew: a PNG of nothing but the pixels."""
    from lumi_box.pictures import reencode  # Pillow stays out of the web process

    with tempfile.TemporaryDirectory(prefix="lumi-fetch-") as folder:
        path = Path(folder, "picture")
        fetch(
            url,
            path,
            limit_bytes=config.limits.max_image_mb << 20,
            deadline_seconds=FETCH_SECONDS,
            allowed_hosts=config.providers.allowed_hosts,
        )
        return Picture(reencode(path), "image/png")


def _shape(size: Size) -> float:
    return math.log(size[0] / size[1])


def _area(size: Size) -> float:
    return math.log(size[0] * size[1])
