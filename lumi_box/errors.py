"""The errors of our own: those that a user caused or must hear of, and the two that come from upstream."""


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


class UpstreamError(LumiError):
    """A provider's failure. `text` is for the maker; `code` and the vendor's words are for the operator."""

    def __init__(self, text: str, *, code: str = "", vendor_text: str = "") -> None:
        super().__init__(text)
        self.code, self.vendor_text = code, vendor_text


class Unavailable(UpstreamError):
    """May pass: time-outs, resets, 5xx, a full disk. Worth another attempt, after `retry_after` seconds if given."""

    def __init__(self, text: str, *, code: str = "", vendor_text: str = "", retry_after: float | None = None) -> None:
        super().__init__(text, code=code, vendor_text=vendor_text)
        self.retry_after = retry_after


class Refused(UpstreamError):
    """Will not pass: a bad key, no balance, moderation, input that cannot be worked with."""
