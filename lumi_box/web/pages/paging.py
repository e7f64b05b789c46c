"""Cutting a list into pages by `?page=`."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

LAST_PAGE = 10_000  # beyond it the offset would only burden the database


@dataclass(frozen=True)
class Page:
    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


def wanted_page(size: int) -> Page:
    """The page that the query asks for; what is not a sensible number means the first."""
    number = request.args.get("page", 1, type=int)
    return Page(min(max(number, 1), LAST_PAGE), size)
