"""The example, the demonstration and the page about the configuration say what the code does."""

import re
import tomllib
from dataclasses import MISSING
from pathlib import Path

import pytest
from config.samples import SECRET

from lumi_box.config import ConfigError, initial_text, load, masked
from lumi_box.config.cookie import EXAMPLE_SECRET, cookie_fault
from lumi_box.config.tree import declared
from lumi_box.shipped import shipped

EXAMPLE = shipped("config.example.toml")


def written(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def value_of(values, path):
    for part in path:
        values = values[part]
    return values


def with_every_key(text):
    """The example with the # taken away from every line that shows a key."""
    return tomllib.loads(re.sub(r"^#(?=[a-z0-9_]+ = )", "", text, flags=re.MULTILINE))


def test_the_example_says_what_is_to_be_filled_in_and_refuses_its_own_secret():
    with pytest.raises(ConfigError) as caught:
        load(EXAMPLE)
    assert [line.partition(";")[0] for line in caught.value.errors] == [
        "security.cookie_secret: is a well-known placeholder",
        "providers.aliyun.api_key: is the placeholder of config.example.toml (replace-me…)",
        "providers.tencent.secret_id: is the placeholder of config.example.toml (replace-me…)",
        "providers.tencent.secret_key: is the placeholder of config.example.toml (replace-me…)",
    ]


def test_the_example_loads_once_its_placeholders_are_replaced(tmp_path):
    text = re.sub(r'"replace-me-with-your[a-z-]*"', '"real"', initial_text(False, SECRET))
    config = load(written(tmp_path, text))
    assert config.mode == "production"
    assert config.security.cookie_secret == SECRET
    assert config.providers.tencent.secret_key == "real"


def test_the_example_shows_every_key_and_no_other():
    values = with_every_key(EXAMPLE.read_text(encoding="utf-8"))
    for path in declared():
        value_of(values, path)
    shown = len(re.findall(r"^#?[a-z0-9_]+ = ", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))
    assert shown == len(declared())


@pytest.mark.parametrize("key", declared().values(), ids=lambda key: ".".join(key.path))
def test_the_example_and_the_page_name_the_default(key):
    if key.path == ("public_url",):
        return  # its default follows from the address
    row = re.search(rf"^\| `{re.escape('.'.join(key.path))}`( \(secret\))? \|.*$", page(), re.MULTILINE)
    assert row, "no row in docs/configuration.md"
    assert bool(row[1]) == key.secret
    if key.default is MISSING:
        assert "| required |" in row[0]
    elif key.default is not None:
        default = list(key.default) if isinstance(key.default, tuple) else key.default
        assert value_of(with_every_key(EXAMPLE.read_text(encoding="utf-8")), key.path) == default
        cells = [cell.strip(" `") for cell in re.split(r"(?<!\\)\|", row[0])]
        assert tomllib.loads(f"x = {cells[3]}")["x"] == default


def page() -> str:
    return Path(EXAMPLE.parent, "docs", "configuration.md").read_text(encoding="utf-8")


def test_the_page_has_a_row_for_no_key_that_is_not_there():
    rows = re.findall(r"^\| `([a-z0-9_.]+)`", page(), re.MULTILINE)
    assert sorted(rows) == sorted(".".join(path) for path in declared())


def test_the_demonstration_loads_as_it_is(tmp_path):
    config = load(written(tmp_path, initial_text(True, SECRET)))
    assert config.development
    assert (config.providers.image, config.providers.model3d) == ("builtin", "builtin")
    assert config.database.sqlite_path == tmp_path / "data/lumi.db"
    assert config.storage.disk.path == tmp_path / "data/objects"
    assert config.security.cookie_secret == SECRET


def test_the_demonstration_leaves_every_other_key_at_its_default(tmp_path):
    shown = masked(load(written(tmp_path, initial_text(True, SECRET))))
    told = {("mode",), ("public_url",), ("storage", "disk", "path")}
    for key in declared().values():
        if key.default not in (MISSING, None) and key.path not in told:
            default = list(key.default) if isinstance(key.default, tuple) else key.default
            assert value_of(shown, key.path) == default, key.path


@pytest.mark.parametrize("demo", [True, False])
def test_a_new_file_holds_the_secret_once_and_no_placeholder_of_it(demo):
    text = initial_text(demo, SECRET)
    assert text.count(SECRET) == 1
    assert EXAMPLE_SECRET not in text
    assert cookie_fault(EXAMPLE_SECRET)


def test_a_file_that_was_not_shipped_is_named():
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt is missing"):
        shipped("nothing.txt")
