"""Is a cookie secret one that nobody can guess? Whoever knows it signs sessions for any account."""

from __future__ import annotations

import re
from itertools import pairwise

MIN_LENGTH = 32
MIN_VARIETY = 8
COOKIE_HINT = f"write a random string of at least {MIN_LENGTH} characters (lumi-box init makes one)"
EXAMPLE_SECRET = "replace-me-with-the-random-secret-that-init-makes"  # noqa: S105  # refused; config.example.toml has it

_PLACEHOLDERS = re.compile(
    r"change[-_ ]?(me|this|it|in[-_ ]production)|replace[-_ ]?(me|this)|(insert|put|enter|your)[-_ ]?(a|own|the|your)?"
    r"[-_ ]?(random|own|secret|cookie|key|session)|placeholder|default[-_ ]?secret|super[-_ ]?secret|not[-_ ]?secure",
    re.IGNORECASE,
)


def cookie_fault(secret: str) -> str | None:
    """Which rule the secret breaks, without a word of the secret itself."""
    if _PLACEHOLDERS.search(secret):
        return "is a well-known placeholder"
    if len(secret) < MIN_LENGTH:
        return f"has {len(secret)} characters"
    if len(set(secret)) == 1:
        return "is one character repeated"
    if len(set(secret)) < MIN_VARIETY:
        return f"has fewer than {MIN_VARIETY} different characters"
    if _repeats(secret):
        return "is a short pattern repeated"
    return "counts through the alphabet or the digits" if _counts(secret) else None


def _repeats(secret: str) -> bool:
    return any(secret[period:] == secret[:-period] for period in range(1, len(secret) // 2 + 1))


def _counts(secret: str) -> bool:
    """Most characters follow the one before them, up or down."""
    steps = [ord(after) - ord(before) for before, after in pairwise(secret)]
    return max(steps.count(1), steps.count(-1)) > len(steps) / 2
