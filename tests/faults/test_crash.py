"""The short form of crash.py: every process of the tree, or all of them, killed at random instants."""

import os
import sys

import pytest
from faults import crash, private_mariadb

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc"),
]


def test_whatever_is_killed_nothing_is_lost_stuck_or_paid_twice(tmp_path):
    found = crash.run(tmp_path / "box", database="sqlite", kills=6, count=3, seed=7)
    print(found.figures, found.doubtful)
    assert found.wrong == []


def test_likewise_on_two_nodes_when_the_database_is_killed_too(tmp_path):
    if private_mariadb.program() is None and os.environ.get("CI") != "true":
        pytest.skip("no mariadbd on this machine")
    found = crash.run(tmp_path / "box", database="mariadb", kills=5, count=2, seed=3, nodes=2)
    print(found.figures, found.doubtful)
    assert found.wrong == []
