"""English words in the form that the tables hold them."""

from __future__ import annotations

_ES_ENDINGS = ("ches", "shes", "xes", "sses")


def singular(word: str) -> str:
    """A good guess at the singular; a word that is not a plural comes back unchanged."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and word.endswith(_ES_ENDINGS):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
