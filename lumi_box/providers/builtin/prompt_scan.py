"""Reads a prompt from left to right and finds the words that name a symbol or a colour."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lumi_box.providers.builtin import asset_pack
from lumi_box.providers.builtin.prompt_words import (
    ENGLISH_CARRIES,
    FILLERS,
    HAN_CARRIES,
    HAN_FILLERS,
    HAN_PARTICLES,
    ColourWord,
    colour_of,
)
from lumi_box.providers.builtin.synonyms import SYNONYM_WEIGHT, synonyms
from lumi_box.providers.builtin.words import singular

LONGEST_PHRASE = 4  # words
LONGEST_RUN = 8  # characters of a script without spaces
EMOJI_WEIGHT = 9.0
NAME_SCORE = 1.8  # what a symbol's own name reaches, and a keyword does not
VAGUE_CHARACTER = 40  # a single character that names more symbols than this says nothing

# Han, kana, Hangul and Thai run words together, or hang their particles on them.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\u0e00-\u0e7f]+")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W\d_]+)*")
_GROUP_BIAS = {  # toward things that stand on a desk
    "smileys-emotion": -0.3,
    "people-body": -0.35,
    "animals-nature": 0.25,
    "food-drink": 0.1,
    "travel-places": 0.15,
    "activities": 0.1,
    "objects": 0.15,
    "symbols": -0.6,
    "own": 0.3,
}


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase of the prompt and the symbols it may mean, with how well."""

    start: int
    end: int
    text: str
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Scan:
    """What a prompt holds, in reading order."""

    terms: tuple[Term, ...]
    colours: tuple[ColourWord, ...]


def scan(prompt: str, *, keep_fillers: bool = False) -> Scan:
    """Read a normalised prompt. `keep_fillers` also reads the words that usually say nothing."""
    found = [*_emoji(prompt)]
    taken = {at for term in found for at in range(term.start, term.end)}
    for run in _UNSPACED.finditer(prompt):
        found += _read_run(run[0], run.start(), keep_fillers)
    found += _read_words(prompt, taken, keep_fillers)
    found.sort(key=lambda item: item.start)
    terms = tuple(item for item in found if isinstance(item, Term))
    return Scan(terms, tuple(item for item in found if isinstance(item, ColourWord)))


def meanings(term: str) -> dict[str, float]:
    """Scores of the symbols that a term may mean; empty if it is no word of ours."""
    symbol = synonyms().get(term)
    if symbol is not None:
        return {other: 0.6 * score for other, score in _looked_up(term).items()} | {symbol: SYNONYM_WEIGHT}
    return _looked_up(term)


def _looked_up(term: str) -> dict[str, float]:
    named = asset_pack.lexicon().find(term)
    rarity = 0.5 + 0.5 / (1 + 0.08 * len(named))
    scores = {symbol: weight * rarity + _bias(symbol) for symbol, weight in named.items()}
    if max(named.values(), default=0) < 1.5:  # only a keyword: WordNet may know better
        for symbol, cost in asset_pack.wordnet().find(term).items():
            scores[symbol] = max(scores.get(symbol, 0), 2.5 - 0.4 * cost)
    return scores


def _bias(symbol: str) -> float:
    return _GROUP_BIAS[asset_pack.symbols()[symbol].group]


def _emoji(prompt: str) -> Iterator[Term | ColourWord]:
    """The emoji themselves, the longest sequence first; a skin tone is passed over."""
    known, at = asset_pack.symbols(), 0
    while at < len(prompt):
        if ord(prompt[at]) < 0x203C:
            at += 1
            continue
        for length in range(min(8, len(prompt) - at), 0, -1):
            symbol = re.sub("[\ufe0f\U0001f3fb-\U0001f3ff]", "", prompt[at : at + length])
            if symbol in known:
                yield Term(at, at + length, symbol, {symbol: EMOJI_WEIGHT})
                at += length - 1
                break
        at += 1


def _read_run(run: str, offset: int, keep_fillers: bool) -> Iterator[Term | ColourWord]:
    """Longest match, left to right."""
    at = 0
    while at < len(run):
        length, scores, rgb = _longest_in_run(run, at)
        skipped = _filler_at(run, at, keep_fillers)
        if skipped and skipped >= length:
            at += skipped
            continue
        start, end = offset + at, offset + at + max(1, length)
        if rgb is not None:
            yield ColourWord(start, end, rgb)
        elif scores:
            yield Term(start, end, run[at : at + length], scores)
        at += max(1, length)


def _filler_at(run: str, at: int, keep_fillers: bool) -> int:
    """How many characters here say nothing by themselves."""
    verb = HAN_CARRIES.match(run, at)
    if verb:
        return len(verb[0])
    return 0 if keep_fillers else next((len(word) for word in HAN_FILLERS if run.startswith(word, at)), 0)


def _longest_in_run(run: str, at: int) -> tuple[int, dict[str, float], tuple[int, int, int] | None]:
    for length in range(min(LONGEST_RUN, len(run) - at), 0, -1):
        piece = run[at : at + length]
        rgb = colour_of(piece)
        if rgb is not None:
            return length, {}, rgb
        if length == 1 and piece in HAN_PARTICLES:
            continue
        scores = meanings(piece)
        if scores and (length > 1 or len(scores) < VAGUE_CHARACTER):
            return length, scores, None
    return 0, {}, None


def _read_words(prompt: str, taken: set[int], keep_fillers: bool) -> Iterator[Term | ColourWord]:
    """Phrases of up to four words before single ones."""
    words = [match for match in _WORD.finditer(prompt) if not _UNSPACED.search(match[0]) and match.start() not in taken]
    at = 0
    while at < len(words):
        found, used = _phrase_at(words, at, keep_fillers)
        if found is not None:
            yield found
        at += used


def _phrase_at(words: list[re.Match[str]], at: int, keep_fillers: bool) -> tuple[Term | ColourWord | None, int]:
    for count in range(min(LONGEST_PHRASE, len(words) - at), 0, -1):
        texts = [word[0] for word in words[at : at + count]]
        start, end = words[at].start(), words[at + count - 1].end()
        if count == 1 and (ENGLISH_CARRIES.fullmatch(texts[0]) or (texts[0] in FILLERS and not keep_fillers)):
            return None, 1
        rgb = colour_of(texts[0]) if count == 1 else None
        if rgb is not None:
            return ColourWord(start, end, rgb), 1
        for spelling in _spellings(texts):
            scores = meanings(spelling)
            if scores and _says_more(scores, texts, spelling):
                return Term(start, end, spelling, scores), count
    return None, 1


def _says_more(scores: dict[str, float], words: list[str], spelling: str) -> bool:
    """Whether a phrase beats its words: "hot dog" is a name, "red dragon" but a keyword of a mahjong tile."""
    if len(words) == 1:
        return len(spelling) > 1
    best = max(scores.values())
    return best >= NAME_SCORE or all(best >= max(meanings(word).values(), default=0) for word in words)


def _spellings(words: list[str]) -> tuple[str, ...]:
    """As written, with a singular last word, hyphens as spaces, and without the Arabic article."""
    phrase = " ".join(words)
    forms = [phrase, " ".join([*words[:-1], singular(words[-1])]), phrase.replace("-", " ")]
    if phrase.startswith("ال"):
        forms.append(phrase[2:])
    return tuple(dict.fromkeys(forms))
