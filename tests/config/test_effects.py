"""Changing any key of the config changes the running program: see effects/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from config.effects import EFFECTS, people, printing, serving, storing, vendors, working
from config.effects.world import Recorder, World

from lumi_box.config.tree import declared
from lumi_box.tables import base

pytestmark = [
    pytest.mark.service,  # a server that records, a mail server
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),  # one of apprise's many services
    pytest.mark.filterwarnings("ignore:The send_default_pii option:DeprecationWarning"),  # sentry_sdk
]

PROBES = (people, printing, serving, storing, vendors, working)


@pytest.fixture
def world(tmp_path: Path, fresh_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with Recorder() as recorder:
        made = World(tmp_path, fresh_database, recorder, monkeypatch)
        yield made
        made.close()
        base.close_all()


@pytest.mark.parametrize("key", EFFECTS)
def test_a_key_changes_what_the_program_does(world: World, key: str) -> None:
    effect = EFFECTS[key]
    assert len({repr(expected) for _, expected in effect.sees}) > 1, "two values that look alike prove nothing"
    for value, expected in effect.sees:
        assert effect.probe(world, world.config(key, value, effect.given)) == expected, value
        base.close_all()


def test_every_key_has_an_effect() -> None:
    assert set(EFFECTS) == {".".join(path) for path in declared()}
