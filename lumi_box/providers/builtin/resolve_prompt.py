"""From a prompt to what shall be painted: the symbols that fit best, an accessory, colours, and the style asked for."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from lumi_box.providers.builtin.prompt_scan import EMOJI_WEIGHT, Scan, Term, meanings, scan
from lumi_box.providers.builtin.prompt_words import CLAUSE_END, ENGLISH_CARRIES, HAN_CARRIES, LOW_POLY, ColourWord

Confidence = Literal["match", "weak", "none"]
Rgb = tuple[int, int, int]

SURE = 1.8
POSSIBLE = 0.3
CLEAR_ACCESSORY = 1.6
BESIDE_THE_HEAD = 0.55  # a noun before the head noun: "birthday cat"
ATTRIBUTE = 0.3  # before the last 的, or in a later clause
CANDIDATES = 6


@dataclass(frozen=True, slots=True)
class Match:
    """A symbol and how well it fits."""

    symbol: str
    score: float


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a prompt asks for. `matches` is best first and empty when `confidence` is none."""

    matches: tuple[Match, ...]
    confidence: Confidence
    accessory: str | None = None
    colour: Rgb | None = None
    accessory_colour: Rgb | None = None
    faceted: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Which parts of a prompt name the thing itself, and which what it carries."""

    main_clause: tuple[int, int]
    carried: tuple[tuple[int, int], ...]
    attributes_end: int  # of the last 的 in the main clause, whose head noun stands after it

    def is_carried(self, at: int) -> bool:
        return any(start <= at < end for start, end in self.carried)

    def is_main(self, at: int) -> bool:
        start, end = self.main_clause
        return start <= at < end and not self.is_carried(at) and at >= self.attributes_end


def resolve_prompt(prompt: str) -> Resolved:
    """Never fails: a prompt that names nothing we know has confidence `none`."""
    text = unicodedata.normalize("NFKC", prompt).lower()
    faceted = bool(LOW_POLY.search(text))
    text = LOW_POLY.sub(lambda match: " " * len(match[0]), text)
    found = scan(text)
    if not found.terms:
        found = _colours_as_things(text, found.colours)
    if not found.terms:  # "happy": what usually says nothing is all there is
        found = scan(text, keep_fillers=True)
    if not found.terms:
        return Resolved((), "none", faceted=faceted)
    layout = lay_out(text, found.terms)
    resolved = _choose(found.terms, layout)
    return replace(_coloured(resolved, found.colours, layout), faceted=faceted)


def lay_out(text: str, terms: Sequence[Term]) -> Layout:
    """The first clause that names something is the main one; what follows `with` or 戴 in it is carried."""
    emoji = [term for term in terms if EMOJI_WEIGHT in term.scores.values()]
    if len(emoji) > 1:  # the first is the thing, the second goes with it
        return Layout((0, len(text)), ((emoji[1].start, len(text)),), 0)
    start, end = next(clause for clause in _clauses(text) if any(clause[0] <= term.start < clause[1] for term in terms))
    carried = []
    english = ENGLISH_CARRIES.search(text, start, end)
    if english:
        carried.append((english.end(), end))
    for verb in HAN_CARRIES.finditer(text, start, end):
        if not any(term.start < verb.end() and verb.start() < term.end for term in terms):
            particle = text.find("的", verb.end(), end)
            carried.append((verb.end(), particle if particle >= 0 else end))
    named = [term for term in terms if start <= term.start < end]
    last_particle = text.rfind("的", start, max(term.start for term in named) + 1)
    layout = Layout((start, end), tuple(carried), last_particle + 1)
    if any(layout.is_main(term.start) for term in named):
        return layout
    return Layout((start, end), (), 0)  # "on the moon": then the moon it is


def _clauses(text: str) -> list[tuple[int, int]]:
    """Start and end of each part between punctuation marks."""
    cuts = [0, *(mark.end() for mark in CLAUSE_END.finditer(text)), len(text) + 1]
    return [(start, end) for start, end in pairwise(cuts) if end > start]


def _choose(terms: Sequence[Term], layout: Layout) -> Resolved:
    main = [term for term in terms if layout.is_main(term.start)]
    carried = [term for term in terms if layout.is_carried(term.start)]
    others = [term for term in terms if term not in main and term not in carried]
    scores: Counter[str] = Counter()
    for term in main:
        _add(scores, term.scores, 1.0 if term is main[-1] else BESIDE_THE_HEAD)
    for term in others:  # they may tip the scales, never name the thing
        _add(scores, {symbol: score for symbol, score in term.scores.items() if symbol in scores}, ATTRIBUTE)
    ranked = [Match(symbol, score) for symbol, score in scores.most_common(CANDIDATES) if score > POSSIBLE]
    if not ranked:
        return Resolved((), "none")
    confidence: Confidence = "match" if ranked[0].score >= SURE else "weak"
    return Resolved(tuple(ranked), confidence, accessory=_accessory(carried, ranked[0].symbol))


def _add(scores: Counter[str], more: dict[str, float], weight: float) -> None:
    for symbol, score in more.items():
        scores[symbol] += score * weight  # type: ignore[assignment]  # a Counter of floats: it ranks, it does not count


def _accessory(carried: Sequence[Term], main: str) -> str | None:
    """The clearest thing carried, unless it is the same thing again."""
    scores: dict[str, float] = {}
    for term in carried:
        for symbol, score in term.scores.items():
            scores[symbol] = max(score, scores.get(symbol, 0))
    scores.pop(main, None)
    best = max(scores, key=lambda symbol: (scores[symbol], symbol), default=None)
    return best if best is not None and scores[best] > CLEAR_ACCESSORY else None


def _coloured(resolved: Resolved, colours: Sequence[ColourWord], layout: Layout) -> Resolved:
    """A colour belongs to the part of the prompt that it stands in: the sweater is red, not its rabbit."""
    start, end = layout.main_clause
    carried = [word.rgb for word in colours if layout.is_carried(word.start)]
    main = [word.rgb for word in colours if start <= word.start < end and not layout.is_carried(word.start)]
    own = main[-1] if main else None
    return replace(resolved, colour=own, accessory_colour=carried[0] if carried else None)


def _colours_as_things(text: str, colours: Sequence[ColourWord]) -> Scan:
    """Read the colour words as what else they may mean: an orange."""
    words = [(word.start, word.end, text[word.start : word.end]) for word in colours]
    terms = (Term(start, end, word, meanings(word)) for start, end, word in words)
    return Scan(tuple(term for term in terms if max(term.scores.values(), default=0) > POSSIBLE), ())
