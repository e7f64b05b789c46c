"""What one user may have made: so many requests a day (UTC), and so many at work at once."""

from __future__ import annotations

from lumi_box.box import Box
from lumi_box.errors import TooMany, marked
from lumi_box.flow.request_state import IMAGE_GENERATING, IMAGE_PENDING
from lumi_box.tables import window
from lumi_box.tables.generation import IMAGES_PER_REQUEST, GenerationRequest

AT_WORK = (IMAGE_PENDING, IMAGE_GENERATING, "MODEL_PENDING", "MODEL_GENERATING")
DAY_MS = 24 * 3_600_000
SOON_SECONDS = 15
DAY_USED_UP = marked("You have used up your creations for today. Come back tomorrow.")
TOO_MANY_AT_WORK = marked("You have as many creations at work as one may have. Wait until one is finished.")


def use(box: Box, user_id: str) -> None:
    """Count one more request of the user; TooMany past a limit.

    In the transaction that accepts the request, with the account's row locked, so that requests sent at once cannot
    pass either limit, and one that is not accepted does not count. Deleting a request gives nothing back.
    """
    limits = box.config.limits
    if limits.active_generations and _at_work(user_id) >= limits.active_generations:
        raise TooMany(TOO_MANY_AT_WORK, quota=True, retry_after=SOON_SECONDS)
    if limits.generations_per_day and not window.take(f"day:{user_id}", DAY_MS, limits.generations_per_day):
        raise TooMany(DAY_USED_UP, quota=True, retry_after=window.seconds_left(DAY_MS))


def use_repaint(box: Box, user_id: str) -> None:
    """Count one picture that is painted again: as many a day as the day's requests have pictures."""
    most = box.config.limits.generations_per_day * IMAGES_PER_REQUEST
    if most and not window.take(f"repaint:{user_id}", DAY_MS, most):
        raise TooMany(DAY_USED_UP, quota=True, retry_after=window.seconds_left(DAY_MS))


def _at_work(user_id: str) -> int:
    mine = (GenerationRequest.user == user_id) & GenerationRequest.status.in_(AT_WORK)
    count: int = GenerationRequest.select().where(mine).count()
    return count
