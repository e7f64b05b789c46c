"""From what a language model wrote to four variants, or None: it promises nothing, so all of it is checked."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

COUNT = 4
LONGEST = 500
_MOST_READ, _MOST_TRIED = 20_000, 200  # characters, and brackets at which a document might begin
_DECODER, _BRACKET = json.JSONDecoder(), re.compile(r"[{\[]")
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？；]")
_FEWEST_KEPT = 0.4  # of the allowed length, that a cut at a sentence's end must leave


def read_variants(content: str) -> list[str] | None:
    """The first four usable and different ones; None where there are fewer."""
    for found in _documents(content):
        texts = _distinct(_tidied(entry) for entry in _entries(found) if isinstance(entry, str))
        if len(texts) >= COUNT:
            return texts[:COUNT]
    return None


def _documents(content: str) -> Iterator[Any]:
    """Each JSON object or list in the text, whatever stands around it: a fence, prose, another object."""
    text, position = content[:_MOST_READ], 0
    for bracket in itertools.islice(_BRACKET.finditer(text), _MOST_TRIED):
        if bracket.start() < position:
            continue  # inside the document before
        try:
            found, position = _DECODER.raw_decode(text, bracket.start())
        except (ValueError, RecursionError):
            continue
        yield found


def _entries(found: Any) -> list[Any]:
    """The list of variants: under its name, or where a model forgot the name, the only list there is."""
    if isinstance(found, list):
        return found
    if isinstance(found, dict):
        if isinstance(found.get("variants"), list):
            return list(found["variants"])
        lists = [value for value in found.values() if isinstance(value, list)]
        return lists[0] if len(lists) == 1 else []
    return []


def _tidied(text: str) -> str:
    """On one line, without control characters, no longer than a prompt may be."""
    return shortened(" ".join("".join(c if c.isprintable() else " " for c in text).split()))


def shortened(text: str, limit: int = LONGEST) -> str:
    """At most `limit` characters: cut after a sentence, else after a word, else where it must be."""
    if len(text) <= limit:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, limit + 1) if match.end() <= limit]
    if ends and ends[-1] >= limit * _FEWEST_KEPT:
        return text[: ends[-1]].rstrip()
    space = text.rfind(" ", 0, limit + 1)
    return text[: space if space >= limit * _FEWEST_KEPT else limit].rstrip(" ,;:，、；：")


def _distinct(texts: Iterator[str]) -> list[str]:
    found: dict[str, str] = {}
    for text in texts:
        if text:
            found.setdefault(text.casefold().rstrip(".。!！"), text)
    return list(found.values())
