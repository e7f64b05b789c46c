"""Build step: choose the symbols of the asset pack and write their drawings as one compact zip."""

from __future__ import annotations

import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lumi_box.providers.builtin.asset_pack import plain_emoji, sheet_name

SYMBOL_PACKAGES = {
    "fluent": "@iconify-json/fluent-emoji",
    "flat": "@iconify-json/fluent-emoji-flat",
    "noto": "@iconify-json/noto",
}
NAMES = {"fluent": SYMBOL_PACKAGES["flat"]}  # its own table is empty; the two sets share their names
DECIMALS = {"fluent": 2, "flat": 2, "noto": 1}  # of a 32 or a 128 unit wide drawing: a twentieth of a pixel at 1024

# What would make a meaningless print: flags, skin tones, and signs that are writing rather than things.
UNPRINTABLE_GROUPS = {"component", "flags"}
UNPRINTABLE_SUBGROUPS = {
    *("alphanum", "arrow", "av-symbol", "gender", "geometric", "hair-style", "keycap", "math", "other-symbol"),
    *("punctuation", "religion", "skin-tone", "subdivision-flag", "transport-sign", "warning", "zodiac"),
}
ZIP_TIME = (2020, 1, 1, 0, 0, 0)  # fixed, so that the same sources give the same bytes


@dataclass(frozen=True, slots=True)
class SymbolSource:
    """One emoji worth keeping: its character, where it belongs, and its English label."""

    symbol: str
    group: str
    subgroup: str
    label: str
    codes: str


def read_symbols(emojibase: Path) -> list[SymbolSource]:
    """The printable emoji in emojibase's order."""
    groups = json.loads((emojibase / "meta/groups.json").read_text("utf-8"))
    symbols = []
    for entry in json.loads((emojibase / "en/data.json").read_text("utf-8")):
        if "group" not in entry:
            continue
        group, subgroup = groups["groups"][str(entry["group"])], groups["subgroups"][str(entry["subgroup"])]
        if group in UNPRINTABLE_GROUPS or subgroup in UNPRINTABLE_SUBGROUPS:
            continue
        codes = entry["hexcode"].lower()
        symbols.append(SymbolSource(plain_emoji(entry["emoji"]), group, subgroup, entry["label"], codes))
    return symbols


class IconSet:
    """One Iconify package: drawings by code point."""

    def __init__(self, folder: Path, names: Path) -> None:
        self._names: dict[str, str] = json.loads((names / "chars.json").read_text("utf-8"))
        icons: dict[str, Any] = json.loads((folder / "icons.json").read_text("utf-8"))
        self._icons, self._aliases = icons["icons"], icons.get("aliases", {})
        self._sizes = (icons.get("width", 16), icons.get("height", 16))

    def drawing(self, codes: str, decimals: int) -> str | None:
        """A complete SVG document of the emoji, or nothing where the set has none."""
        spellings = (codes, codes.replace("-fe0f", ""), f"{codes}-fe0f")
        name = next((self._names[spelling] for spelling in spellings if spelling in self._names), None)
        if name is None:
            return None
        icon = self._icons.get(name) or self._icons[self._aliases[name]["parent"]]
        width, height = icon.get("width", self._sizes[0]), icon.get("height", self._sizes[1])
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {width} {height}">{shorten_numbers(icon["body"], decimals)}</svg>'
        )


def shorten_numbers(body: str, decimals: int) -> str:
    """Round long fractions. A whole number keeps its `.0`: path data may write `1` and `.5` without a space between."""

    def rounded(match: re.Match[str]) -> str:
        text = f"{float(match[0]):.{decimals}f}".rstrip("0")
        return f"{text}0" if text.endswith(".") else text

    return re.sub(rf"-?\d+\.\d{{{decimals + 1},}}", rounded, body)


def drawings(symbols: Iterable[SymbolSource], sources: dict[str, Path]) -> Iterator[tuple[str, str, str]]:
    """Style, symbol and SVG of all that the sets can draw."""
    for style, package in SYMBOL_PACKAGES.items():
        icons = IconSet(sources[package], sources[NAMES.get(style, package)])
        for source in symbols:
            svg = icons.drawing(source.codes, DECIMALS[style])
            if svg is not None:
                yield style, source.symbol, svg


def write_zip(target: Path, entries: Mapping[str, Mapping[str, str]]) -> None:
    """Each entry as JSON, with nothing in the file that depends on when or where it was made."""
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, ZIP_TIME)
            info.compress_type = zipfile.ZIP_LZMA
            info.create_system = 3  # Unix, also when built elsewhere
            archive.writestr(info, json.dumps(entries[name], ensure_ascii=False, separators=(",", ":")))


def build_symbols(sources: dict[str, Path], target: Path) -> list[SymbolSource]:
    """Write symbols.zip and symbols.tsv; answer the symbols that have a drawing."""
    drawn: dict[str, dict[str, str]] = defaultdict(dict)  # symbol -> style -> SVG
    candidates = read_symbols(sources["emojibase-data"])
    for style, symbol, svg in drawings(candidates, sources):
        drawn[symbol][style] = svg
    kept = [source for source in candidates if source.symbol in drawn]
    sheets: dict[str, dict[str, str]] = defaultdict(dict)
    lines = []
    for row, source in enumerate(kept):
        for style, svg in drawn[source.symbol].items():
            sheets[sheet_name(style, row)][source.symbol] = svg
        styles = ",".join(drawn[source.symbol])
        lines.append(f"{source.symbol}\t{source.group}\t{source.subgroup}\t{source.label}\t{styles}\n")
    write_zip(target / "symbols.zip", sheets)
    (target / "symbols.tsv").write_text("".join(lines), "utf-8", newline="\n")
    return kept
