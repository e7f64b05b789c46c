"""The asset pack beside this module: symbol drawings, words that name them, faces for lettering. Read on demand.

Nothing is unpacked to disk and no drawing is kept in memory: a picture needs two or three of four thousand.
"""

from __future__ import annotations

import json
import lzma
import threading
import zipfile
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
OWN = DATA / "own"
FONTS = DATA / "fonts"
SHEET_ROWS = 16

_archive_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Symbol:
    """One thing that the pack can draw. `id` is the emoji without variation selectors, or an own drawing's name."""

    id: str
    group: str
    subgroup: str
    label: str
    styles: frozenset[str]
    row: int

    @property
    def is_own(self) -> bool:
        return self.group == "own"


def plain_emoji(text: str) -> str:
    """The emoji without the selector that asks for colour: texts carry it or leave it out at random."""
    return text.replace("\ufe0f", "")


def sheet_name(style: str, row: int) -> str:
    """The zip's entry with the drawing of the symbol in this row of the table.

    A sheet holds a few neighbours, which look alike: apart they would take twice the room, and all in one file would
    take a second to unpack.
    """
    return f"{style}/{row // SHEET_ROWS:03d}.json"


class TermTable:
    """Words and the symbols they name, with a weight each.

    Kept as the sorted lines of the file and searched by halving: a hundred thousand words load in a tenth of the time
    and the memory that a dict of them would take.
    """

    def __init__(self, path: Path) -> None:
        self._lines = lzma.decompress(path.read_bytes()).split(b"\n")

    def find(self, term: str) -> dict[str, float]:
        """Weight by symbol; empty for a word that is not there."""
        key = term.encode() + b"\t"
        at = bisect_left(self._lines, key)
        if at == len(self._lines) or not self._lines[at].startswith(key):
            return {}
        pairs = self._lines[at][len(key) :].decode().split(" ")
        return {symbol: float(weight) for symbol, weight in (pair.split("=") for pair in pairs)}


@lru_cache(maxsize=1)
def lexicon() -> TermTable:
    """Names and keywords of the symbols in twenty languages: a larger weight is a better match."""
    return TermTable(DATA / "lexicon.tsv.xz")


@lru_cache(maxsize=1)
def wordnet() -> TermTable:
    """English nouns without a symbol of their own: their nearest symbols, a smaller figure being nearer."""
    return TermTable(DATA / "wordnet.tsv.xz")


@lru_cache(maxsize=1)
def symbols() -> dict[str, Symbol]:
    """Every symbol by id, own drawings included."""
    known = {}
    for row, line in enumerate((DATA / "symbols.tsv").read_text("utf-8").splitlines()):
        symbol, group, subgroup, label, styles = line.split("\t")
        known[symbol] = Symbol(symbol, group, subgroup, label, frozenset(styles.split(",")), row)
    for path in sorted(OWN.glob("*.svg")):
        known[path.stem] = Symbol(path.stem, "own", "own", path.stem.replace("-", " "), frozenset(["own"]), -1)
    return known


@lru_cache(maxsize=1)
def _archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(DATA / "symbols.zip")


def read_drawing(style: str, symbol: Symbol) -> str:
    """The SVG document; `style` must be one of the symbol's."""
    if symbol.is_own:
        return (OWN / f"{symbol.id}.svg").read_text("utf-8")
    with _archive_lock:  # a ZipFile seeks in one file, and workers paint in threads
        sheet = _archive().read(sheet_name(style, symbol.row))
    drawing: str = json.loads(sheet)[symbol.id]
    return drawing
