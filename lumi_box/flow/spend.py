"""Money: what a vendor's accepted orders cost, booked with the order, and the cap past which none is placed."""

from __future__ import annotations

from peewee import fn

from lumi_box.box import Box
from lumi_box.clock import iso, now_ms
from lumi_box.errors import Refused, TooMany, marked
from lumi_box.metrics import tally
from lumi_box.tables.generation import IMAGES_PER_REQUEST
from lumi_box.tables.job import Job
from lumi_box.tables.spend import Purchase

UNIT = 10_000  # prices are kept in ten-thousandths, so that sums are exact
CAP_REACHED = marked("The monthly budget of this box is used up. Ask its operator, or come back next month.")


def price(box: Box, kind: str) -> int:
    """Of one order of the kind, in ten-thousandths of the currency; 0 for what costs nothing."""
    if not box.metered(kind):
        return 0
    configured = box.config.spend.image_price if kind == "image" else box.config.spend.model_price
    return round(configured * UNIT)


def book(box: Box, job: Job, provider: str) -> None:
    """In the transaction that stores the accepted order."""
    tally.bought(provider, box.config.spend.currency, price(box, job.kind))
    Purchase.create(
        month=this_month(),
        user_id=job.user_id,
        request_id=job.request_id,
        job_id=job.id,
        provider=provider,
        operation=job.kind,
        price=price(box, job.kind),
        currency=box.config.spend.currency,
    )


def require_room(box: Box, kind: str, count: int = 1) -> None:
    """Before anything is accepted: TooMany when these orders would pass the month's cap."""
    if _passes_cap(box, price(box, kind) * count):
        raise TooMany(CAP_REACHED, quota=True)


def require_room_for_images(box: Box) -> None:
    require_room(box, "image", IMAGES_PER_REQUEST)


def check_cap(box: Box, kind: str) -> None:
    """Before an order is placed: Refused when it would pass the cap, which others may have used up meanwhile."""
    if _passes_cap(box, price(box, kind)):
        raise Refused(CAP_REACHED, code="monthly_cap", alert=True)


def this_month() -> str:
    return str(iso(now_ms()))[:7]


def spent(month: str) -> int:
    return Purchase.select(fn.SUM(Purchase.price)).where(Purchase.month == month).scalar() or 0


def _passes_cap(box: Box, further: int) -> bool:
    cap = round(box.config.spend.monthly_cap * UNIT)
    return bool(cap and further and spent(this_month()) + further > cap)
