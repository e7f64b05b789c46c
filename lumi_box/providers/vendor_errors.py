"""What a vendor's error answers mean to us: one table a vendor, a few meanings, one way to make our errors of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from lumi_box.errors import Busy, Refused, Unavailable, UpstreamError

if TYPE_CHECKING:
    from lumi_box.providers.http import Answer

LONGEST_VENDOR_TEXT, LONGEST_READ = 300, 5000
LONGEST_WAIT_SECONDS = 3600.0  # whatever a Retry-After says
SHARED_RUN = 8  # characters in a row that a vendor's text may not have in common with the maker's prompt
KEY_RUN = 12  # or with a key, which may begin with words


class Meaning(Enum):
    BUSY = auto()  # a rate, a number of jobs at once, or too much to do for everybody
    DAY_LIMIT = auto()  # takes no more before tomorrow
    FAILED = auto()  # went wrong on the vendor's side; may go right another time
    GONE = auto()  # the vendor knows the work no longer, or its result is lost: order anew
    MAYBE_QUOTA = auto()  # a minute's limit or an empty account: the vendor says the same for both
    MODERATED = auto()
    RIGHTS = auto()
    PICTURE_UNUSABLE = auto()
    PICTURE_TOO_LARGE = auto()
    UNSUPPORTED = auto()  # the request breaks a rule of the vendor's
    UNKNOWN = auto()  # a code that nobody has documented, where a repeat may cost money
    ACCOUNT = auto()  # a key, a permission, a model that this account does not have
    QUOTA = auto()  # a balance, credits, a free quota
    CLOCK = auto()


@dataclass(frozen=True, slots=True)
class Treatment:
    error: type[UpstreamError]
    alert: bool = False
    retry_after: float | None = None


TREATMENTS = {
    Meaning.BUSY: Treatment(Busy),
    Meaning.DAY_LIMIT: Treatment(Busy, alert=True, retry_after=3600),
    Meaning.FAILED: Treatment(Unavailable),
    Meaning.GONE: Treatment(Unavailable),
    Meaning.MAYBE_QUOTA: Treatment(Unavailable, alert=True, retry_after=60),
    Meaning.MODERATED: Treatment(Refused),
    Meaning.RIGHTS: Treatment(Refused),
    Meaning.PICTURE_UNUSABLE: Treatment(Refused),
    Meaning.PICTURE_TOO_LARGE: Treatment(Refused),
    Meaning.UNSUPPORTED: Treatment(Refused),
    Meaning.UNKNOWN: Treatment(Refused),
    Meaning.ACCOUNT: Treatment(Refused, alert=True),
    Meaning.QUOTA: Treatment(Refused, alert=True),
    Meaning.CLOCK: Treatment(Refused, alert=True),
}

# A service without words of its own for a meaning uses those of the nearest one.
_NEAREST = {
    Meaning.DAY_LIMIT: Meaning.BUSY,
    Meaning.GONE: Meaning.FAILED,
    Meaning.UNKNOWN: Meaning.FAILED,
    Meaning.MAYBE_QUOTA: Meaning.QUOTA,
    Meaning.PICTURE_UNUSABLE: Meaning.UNSUPPORTED,
    Meaning.PICTURE_TOO_LARGE: Meaning.UNSUPPORTED,
}

_BY_STATUS = {
    401: Meaning.ACCOUNT,
    402: Meaning.QUOTA,
    403: Meaning.ACCOUNT,
    404: Meaning.ACCOUNT,  # a wrong endpoint or model: the operator's
    408: Meaning.FAILED,
    413: Meaning.PICTURE_TOO_LARGE,
    429: Meaning.BUSY,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a vendor's table. What is left out matches anything; `code` also matches what follows a dot."""

    code: str
    meaning: Meaning
    statuses: tuple[int, ...] = ()
    phrases: tuple[str, ...] = ()  # any of these, in any case, in the vendor's words
    retry_after: float | None = None

    def matches(self, told: Told) -> bool:
        return (
            (not self.code or told.code == self.code or told.code.startswith(f"{self.code}."))
            and (not self.statuses or told.status in self.statuses)
            and (not self.phrases or any(phrase.lower() in told.message.lower() for phrase in self.phrases))
        )

    @property
    def precision(self) -> tuple[bool, int, bool]:
        return bool(self.phrases), len(self.code), bool(self.statuses)


@dataclass(frozen=True, slots=True)
class Told:
    """An error as a vendor tells it; `status` is the HTTP status, 200 for an error inside a good answer."""

    code: str
    message: str
    status: int = 200
    request_id: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class VendorErrors:
    """A vendor's table, and the sentences of the service it is used for."""

    rows: tuple[Row, ...]
    words: Mapping[Meaning, str]

    def error(
        self, told: Told, *, prompt: str = "", keys: Iterable[str] = (), ticket_dead: bool = False
    ) -> UpstreamError:
        """Our error for the vendor's, whose words must repeat neither the maker's prompt nor a key."""
        row = self._row(told)
        treatment = TREATMENTS[row.meaning]
        kind = treatment.error
        if ticket_dead and kind is Busy:
            kind = Unavailable  # there is nothing left to wait for: another attempt orders anew
        facts: dict[str, Any] = {
            "code": told.code or f"http_{told.status}",
            "vendor_text": tidy(told.message, prompt, keys),
            "request_id": told.request_id[:LONGEST_VENDOR_TEXT],
            "alert": treatment.alert,
            "ticket_dead": ticket_dead or row.meaning is Meaning.GONE,
        }
        if issubclass(kind, Unavailable):
            known = (told.retry_after, row.retry_after, treatment.retry_after)
            facts["retry_after"] = next((seconds for seconds in known if seconds is not None), None)
        return kind(self.text(row.meaning), **facts)

    def text(self, meaning: Meaning) -> str:
        return self.words[meaning] if meaning in self.words else self.words[_NEAREST[meaning]]

    def _row(self, told: Told) -> Row:
        matching = [row for row in self.rows if row.matches(told)]
        if matching:
            return max(matching, key=lambda row: row.precision)
        return Row("", _BY_STATUS.get(told.status) or _by_class(told.status))


def _by_class(status: int) -> Meaning:
    if status >= 500:
        return Meaning.FAILED
    return Meaning.UNSUPPORTED if status >= 400 else Meaning.UNKNOWN


def told(answer: Answer, code: object, message: object) -> Told:
    """An answer that tells of an error, with the code and the words that its vendor's adapter found in it."""
    words = message if isinstance(message, str) and message else _without_tags(answer.text)
    known = str(code) if isinstance(code, str | int) else ""
    return Told(known, words, answer.status, answer.request_id, _retry_after(answer.headers.get("Retry-After", "")))


def _retry_after(value: str) -> float | None:
    """Seconds; the header's other form, a date, depends on clocks that may differ, and is not believed."""
    return min(float(value), LONGEST_WAIT_SECONDS) if re.fullmatch(r"\d{1,9}(\.\d+)?", value.strip()) else None


def _without_tags(text: str) -> str:
    return re.sub(r"<[^<>]{1,200}>", " ", text)


def tidy(text: str, prompt: str = "", keys: Iterable[str] = ()) -> str:
    """A vendor's words, fit for rows and logs: one line, short, without URL queries, keys and the maker's words."""
    text = re.sub(r"(\w+://[^\s?\"'<>]*)[?#][^\s\"'<>]*", r"\1", text[:LONGEST_READ])
    text = re.sub(r"\b(sk-|AKID)[\w*.…-]{6,}", r"\1…", text)
    text = _without(_without(text, prompt, SHARED_RUN), json.dumps(prompt)[1:-1], SHARED_RUN)
    for key in keys:
        text = _without(text, key, KEY_RUN)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_VENDOR_TEXT else text[: LONGEST_VENDOR_TEXT - 1] + "…"


def _without(text: str, secret: str, run: int) -> str:
    """`text` with every run that it shares with `secret` replaced, however the vendor has cut it."""
    shortest = min(len(secret), run)
    if shortest < 2:
        return text
    runs = {secret[start : start + shortest] for start in range(len(secret) - shortest + 1)}
    hidden = [False] * len(text)
    for start in range(len(text) - shortest + 1):
        if text[start : start + shortest] in runs:
            hidden[start : start + shortest] = [True] * shortest
    shown = ("\0" if hide else letter for letter, hide in zip(text, hidden, strict=True))
    return re.sub("\0+", "…", "".join(shown))
