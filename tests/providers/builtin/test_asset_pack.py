"""The pack holds together, stays small, and is built the same twice."""

from __future__ import annotations

import json
import lzma
import xml.etree.ElementTree as ET
import zipfile

import pytest

from lumi_box.providers.builtin import asset_pack
from lumi_box.providers.builtin.build_lexicon import write_terms
from lumi_box.providers.builtin.build_symbols import build_symbols, shorten_numbers
from lumi_box.providers.builtin.build_wordnet import WordNet, nearest
from lumi_box.providers.builtin.synonyms import synonyms


def test_the_pack_has_the_size_that_we_ship():
    size = sum(path.stat().st_size for path in asset_pack.DATA.rglob("*") if path.is_file())
    assert 5_000_000 < size < 8_000_000


def test_every_symbol_of_a_sheet_has_its_drawings():
    known = asset_pack.symbols()
    for symbol in [known["🐱"], known["🚀"], known["chess-knight"], *list(known.values())[:3]]:
        for style in symbol.styles:
            assert ET.fromstring(asset_pack.read_drawing(style, symbol)).tag.endswith("svg")


def test_every_sheet_that_the_table_names_is_in_the_zip():
    with zipfile.ZipFile(asset_pack.DATA / "symbols.zip") as archive:
        names = set(archive.namelist())
    symbols = [symbol for symbol in asset_pack.symbols().values() if not symbol.is_own]
    assert len(symbols) > 1300
    assert {asset_pack.sheet_name(style, symbol.row) for symbol in symbols for style in symbol.styles} == names


def test_every_synonym_names_a_symbol_of_the_pack():
    assert set(synonyms().values()) <= set(asset_pack.symbols())


def test_every_own_drawing_has_names_in_english_and_chinese():
    own = {symbol.id for symbol in asset_pack.symbols().values() if symbol.is_own}
    assert {"chess-knight", "chess-king", "chess-queen", "chess-rook", "chess-bishop"} <= own
    for name in own:
        terms = [term for term, symbol in synonyms().items() if symbol == name]
        assert any(term.isascii() for term in terms)
        assert any("\u4e00" <= char <= "\u9fff" for term in terms for char in term)


def test_a_term_is_found_whole_and_nothing_else():
    table = asset_pack.lexicon()
    assert table.find("hedgehog")["🦔"] == pytest.approx(3.2)
    assert table.find("hedgeho") == {}
    assert table.find("") == {}
    assert table.find("\uffff") == {}


def test_wordnet_knows_nouns_without_a_symbol():
    assert "⛪" in asset_pack.wordnet().find("cathedral")


def test_each_licence_that_the_readme_names_is_there():
    folder = asset_pack.DATA / "licenses"
    named = {part for line in (folder / "README.md").read_text().split("`") for part in [line] if part.endswith(".txt")}
    assert named == {path.name for path in folder.glob("*.txt")}
    assert len(named) == 7


def test_rounding_keeps_numbers_apart():
    assert shorten_numbers("M1.0004.5", 2) == "M1.0.5"
    assert shorten_numbers("M12.3456-7.891", 1) == "M12.3-7.9"
    assert shorten_numbers("M12.3 4", 1) == "M12.3 4"


def _sources(folder):
    """Three icon sets and an emoji list of two entries, as the packages lay them out."""
    base = folder / "emojibase"
    (base / "meta").mkdir(parents=True)
    (base / "en").mkdir()
    groups = {
        "groups": {"3": "animals-nature", "9": "flags"},
        "subgroups": {"34": "animal-mammal", "98": "country-flag"},
    }
    (base / "meta/groups.json").write_text(json.dumps(groups))
    cat = {"emoji": "🐱\ufe0f", "hexcode": "1F431", "label": "cat face", "group": 3, "subgroup": 34}
    flag = {"emoji": "🇨🇳", "hexcode": "1F1E8-1F1F3", "label": "flag", "group": 9, "subgroup": 98}
    (base / "en/data.json").write_text(json.dumps([cat, flag]))
    sources = {"emojibase-data": base}
    for package in ("@iconify-json/fluent-emoji", "@iconify-json/fluent-emoji-flat", "@iconify-json/noto"):
        sources[package] = folder / package
        sources[package].mkdir(parents=True)
        names = {} if package.endswith("fluent-emoji") else {"1f431": "cat", "1f1e8-1f1f3": "flag"}
        (sources[package] / "chars.json").write_text(json.dumps(names))
        icons = {"icons": {"cat": {"body": "<path d='M1.0001 2'/>"}}, "width": 32, "height": 32}
        (sources[package] / "icons.json").write_text(json.dumps(icons))
    return sources


def test_the_same_sources_give_the_same_bytes(tmp_path):
    sources = _sources(tmp_path)
    built = []
    for name in ("one", "two"):
        target = tmp_path / name
        target.mkdir()
        assert [source.symbol for source in build_symbols(sources, target)] == ["🐱"]
        built.append([(target / file).read_bytes() for file in ("symbols.zip", "symbols.tsv")])
    assert built[0] == built[1]
    assert b"fluent,flat,noto" in built[0][1]


def test_a_table_of_terms_reads_back(tmp_path):
    write_terms(tmp_path / "terms.xz", {"b": {"🐱": 1.0}, "a c": {"🐶": 0.5, "🐱": 2.0}})
    table = asset_pack.TermTable(tmp_path / "terms.xz")
    assert table.find("a c") == {"🐱": 2.0, "🐶": 0.5}
    assert table.find("b") == {"🐱": 1.0}
    assert lzma.decompress((tmp_path / "terms.xz").read_bytes()).startswith(b"a c\t")


def test_a_noun_finds_the_symbol_of_its_kind(tmp_path):
    kinds = {"entity": "", "thing": "entity", "being": "thing", "animal": "being", "dog": "animal", "corgi": "dog"}
    keys = {word: f"{number:08d}" for number, word in enumerate(kinds)}
    data, index = [], []
    for word, kind in kinds.items():
        link = f"001 @ {keys[kind]} n 0000" if kind else "000"
        data.append(f"{keys[word]} 05 n 01 {word} 0 {link} | a {word}\n")
        index.append(f"{word} n 1 1 @ 1 0 {keys[word]}\n")
    (tmp_path / "data.noun").write_text("".join(data))
    (tmp_path / "index.noun").write_text("".join(index))
    wordnet = WordNet(tmp_path)
    assert wordnet.depth(keys["corgi"]) == 5
    assert set(nearest(wordnet, {keys["dog"]: {"🐕": 0.0}}, "corgi")) == {"🐕"}
    assert nearest(wordnet, {keys["thing"]: {"🗿": 0.0}}, "corgi") == {}
