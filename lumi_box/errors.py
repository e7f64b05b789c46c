"""The errors of our own: those that a user caused or must hear of, and the two that come from upstream."""

from typing import Any


def marked(text: str) -> str:
    """Marks a text for the translators that is stored in English, and translated when a page shows it."""
    return text


class LumiError(Exception):
    """Base of every error we raise on purpose; its text may be shown to whoever caused it."""


class NotFound(LumiError):
    """There is no such thing, or it is another user's: the two answer alike."""


class NotAllowed(LumiError):
    """Who is asking is known, and may not."""


class NotSignedIn(LumiError):
    """No valid session or token came with the request."""


class Conflict(LumiError):
    """The thing is not in a state that allows this."""


class Invalid(LumiError):
    """Input breaks a rule; `fields` names each with what is wrong and what is expected."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items()))
        self.fields = fields


class TooMany(LumiError):
    """A rate or a quota is used up; `retry_after` says in seconds when to come back."""

    def __init__(self, message: str, *, quota: bool = False, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.quota, self.retry_after = quota, retry_after


class NotConfigured(LumiError):
    """The operator has not switched this on."""


WORD_LENGTH, TEXT_LENGTH = 100, 2_000  # what a column holds, and what is worth keeping of a vendor's words


class UpstreamError(LumiError):
    """A provider's failure. `text` is for the maker; the vendor's code, words and request id are for the operator.

    `alert`: only the operator can mend it (a key, a balance, a quota). `ticket_dead`: the vendor has given the work
    up, so that another attempt has to order it anew. `source`: what failed, where that is not the job's provider.
    """

    def __init__(
        self,
        text: str,
        *,
        code: str = "",
        vendor_text: str = "",
        request_id: str = "",
        alert: bool = False,
        ticket_dead: bool = False,
        source: str = "",
    ) -> None:
        super().__init__(text)
        self.code, self.request_id = code[:WORD_LENGTH], request_id[:WORD_LENGTH]
        self.vendor_text = vendor_text[:TEXT_LENGTH]
        self.alert, self.ticket_dead, self.source = alert, ticket_dead, source


class Unavailable(UpstreamError):
    """May pass: time-outs, resets, 5xx, a full disk. Worth another attempt, after `retry_after` seconds if given."""

    def __init__(self, text: str, *, retry_after: float | None = None, **told: Any) -> None:
        super().__init__(text, **told)
        self.retry_after = retry_after


class Busy(Unavailable):
    """The vendor takes no more for now (a rate, a concurrency limit): postpones, and costs no attempt."""


class AnswerLost(Unavailable):
    """The request may have been accepted, but its answer never came. After a submit, nobody knows what was bought."""


class Refused(UpstreamError):
    """Will not pass: a bad key, no balance, moderation, input that cannot be worked with."""
