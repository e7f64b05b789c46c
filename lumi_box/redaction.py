"""The last line of defence: what looks like a secret, or is one of the config's, is taken out of any text.

Nothing should come this far with a secret in it. Logs and error reports pass through here all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MASK = "***"
SHORTEST = 8  # characters: a shorter "secret" would take half the words out of every line
SHORTEST_SAID = 6  # likewise, of what a request or a job holds
EXCERPT = 20  # characters: all that may be told of a prompt

_NAMES = (
    "lumi_session|session|csrf_token|token|access_token|api[_-]?key|secret|secret_key|password|passwd|signature|"
    r"x-amz-[\w-]+|q-signature|q-ak|OSSAccessKeyId|AWSAccessKeyId|security-token|sentry_key"
)
_HEADERS = "(?:proxy-)?authorization|(?:set-)?cookie|x-csrf-token"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), shown)
    for pattern, shown in (
        # A whole header: what follows its name, to the end of the line or of the string it stands in.
        (rf"\b({_HEADERS})(['\"]?\s*[:=]\s*['\"]?)[^'\"\r\n]{{4,}}", r"\1\2" + MASK),
        (r"\b(bearer)\s+[\w.~+/=*-]{6,}", r"\1 " + MASK),
        (rf"\b({_NAMES})=[^\s&;,'\"<>]+", r"\1=" + MASK),
        (rf"(['\"](?:{_NAMES})['\"]\s*:\s*['\"])[^'\"]+", r"\1" + MASK),
        (r"(://)[^\s/@'\"]+@", r"\1" + MASK + "@"),
        (r"(/s/)[\w.~=+-]{12,}", r"\1" + MASK),  # the folder in which a file's address carries its signature
        (r"\b\d{10}\.[\w-]{24}\b", MASK),  # the same signature, wherever it is written
        (r"\blumi_[\w-]{20,}", MASK),
        (r"\b(?:sk-|AKID|AKIA|LTAI)[\w-]{8,}", MASK),
        (r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+", MASK),
    )
)

_known: re.Pattern[str] | None = None
_concealed: ContextVar[tuple[str, ...]] = ContextVar("concealed", default=())


def know(secrets: Iterable[str]) -> None:
    """From now on none of these values is shown, wherever it stands."""
    global _known  # noqa: PLW0603  one process has one config
    wanted = sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True)
    _known = re.compile("|".join(map(re.escape, wanted))) if wanted else None


@contextmanager
def conceal(*texts: str) -> Iterator[None]:
    """Within the block these texts, which somebody sent us, are not shown: an error's own words may repeat them."""
    wanted = {form for text in texts if len(text) >= SHORTEST_SAID for form in (text, repr(text)[1:-1])}
    token = _concealed.set((*_concealed.get(), *sorted(wanted, key=len, reverse=True)))
    try:
        yield
    finally:
        _concealed.reset(token)


def redact(text: str) -> str:
    for words in _concealed.get():
        text = text.replace(words, MASK)
    if _known is not None:
        text = _known.sub(MASK, text)
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text
