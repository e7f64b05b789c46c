"""Build step: the words that name each symbol, from Unicode's annotations in twenty languages."""

from __future__ import annotations

import json
import lzma
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from lumi_box.providers.builtin.build_symbols import SymbolSource
from lumi_box.providers.builtin.words import singular

LANGUAGES = (
    *("en", "zh", "zh-Hant", "ja", "ko", "es", "fr", "de", "pt", "it"),
    *("ru", "nl", "pl", "tr", "vi", "id", "th", "ar", "hi", "uk"),
)
NAME = 3.2
FACE = 2.6  # "cat face" for cat
LAST_WORD = 1.8  # "mountain cableway" for cableway
KEYWORD = 1.0
OTHER_LANGUAGE = 0.9  # an English or Chinese reading of the same letters goes first
PRIMARY_LANGUAGES = ("en", "zh")

Weights = dict[str, dict[str, float]]  # term -> symbol -> weight


def normal(text: str) -> str:
    """One spelling for words that look alike; the same one that prompts are brought to."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def english_parts(name: str) -> dict[str, float]:
    """What a name of several words also stands for."""
    words = name.split()
    if len(words) == 2 and words[1] == "face":
        return {words[0]: FACE}
    return {singular(words[-1]): LAST_WORD} if len(words) > 1 else {}


def terms_of(language: str, names: Sequence[str], keywords: Sequence[str]) -> dict[str, float]:
    """Each term of one symbol in one language, at its best weight."""
    terms = {normal(keyword): KEYWORD for keyword in keywords}
    for name in map(normal, names):
        if language == "en":
            terms |= {part: max(weight, terms.get(part, 0)) for part, weight in english_parts(name).items()}
        terms[name] = NAME
    scale = 1.0 if language in PRIMARY_LANGUAGES else OTHER_LANGUAGE
    return {term: weight * scale for term, weight in terms.items() if term}


def collect_weights(annotations: Path, symbols: Sequence[SymbolSource]) -> Weights:
    """All terms of all symbols; a term that several languages share keeps its best weight."""
    weights: Weights = defaultdict(dict)
    for language in LANGUAGES:
        file = annotations / "annotations" / language / "annotations.json"
        entries = json.loads(file.read_text("utf-8"))["annotations"]["annotations"]
        for source in symbols:
            entry = entries.get(source.symbol)
            if entry is None:
                continue
            for term, weight in terms_of(language, entry.get("tts", []), entry.get("default", [])).items():
                weights[term][source.symbol] = max(weight, weights[term].get(source.symbol, 0))
    return weights


def write_terms(target: Path, weights: Mapping[str, Mapping[str, float]]) -> None:
    """A sorted table, best symbol first, as `TermTable` reads it."""
    lines = []
    for term, symbols in weights.items():
        ranked = sorted(symbols.items(), key=lambda pair: (-pair[1], pair[0]))
        lines.append(f"{term}\t{' '.join(f'{symbol}={weight:.2g}' for symbol, weight in ranked)}".encode())
    packed = lzma.compress(b"\n".join(sorted(lines)), preset=9 | lzma.PRESET_EXTREME)
    target.write_bytes(packed)


def build_lexicon(sources: Mapping[str, Path], symbols: Sequence[SymbolSource], target: Path) -> None:
    """Write lexicon.tsv.xz."""
    write_terms(target / "lexicon.tsv.xz", collect_weights(sources["cldr-annotations-full"], symbols))
