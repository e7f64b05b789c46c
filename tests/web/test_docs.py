"""What the program offers stands in the docs."""

import re

import pytest

from lumi_box import cli
from lumi_box.jobs import lifecycle
from lumi_box.shipped import shipped

DOCS = shipped("templates").parent / "docs"


def read(name):
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_route_of_the_api_is_described(app):
    text = re.sub(r"\s+", " ", read("api.md"))
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/"):
            path = re.sub(r"<[a-z]+:", "<", rule.rule.removeprefix("/api/v1"))
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                assert f"`{method} {path}`" in text, rule


def test_every_event_and_status_is_described():
    text = read("api.md")
    for folder in ("flow",):
        for path in (shipped("templates").parent / "lumi_box" / folder).glob("*.py"):
            for name in re.findall(r'"((?:task|image|model):[a-z]+)"', path.read_text(encoding="utf-8")):
                assert f"`{name}`" in text, name
    for status in lifecycle.STATUSES:
        assert status in text


@pytest.mark.parametrize("words", [name.split() for name in ("init", "serve", "doctor", "migrate", "version")])
def test_every_command_is_described(words):
    assert f"`{' '.join(words)}" in read("commands.md")


def test_every_subcommand_is_described(capsys):
    text = read("commands.md")
    for group in ("config", "user", "token", "jobs"):
        with pytest.raises(SystemExit):
            cli.run([group, "--help"])
        for name in re.findall(r"^    ([a-z-]+) ", capsys.readouterr().out, re.MULTILINE):
            assert f"`{group} {name}" in text, f"{group} {name}"
