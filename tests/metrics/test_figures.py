"""What a scrape asks is answered from indexes, however many rows there are."""

import pytest

from lumi_box.metrics import figures
from lumi_box.tables import base


@pytest.fixture
def plans(box, engine, monkeypatch):
    """How SQLite answers what the figure asks."""
    if engine != "sqlite":
        pytest.skip("tells its plans in other words")
    execute = base.database.obj.execute_sql

    def of(figure, *arguments):
        asked = []
        monkeypatch.setattr(base.database.obj, "execute_sql", lambda *given: (asked.append(given), execute(*given))[1])
        figure(*arguments)
        monkeypatch.undo()
        return [row[3] for sql, values in asked for row in execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()]

    return of


@pytest.mark.parametrize(
    ("figure", "arguments"),
    [(figures.jobs, ()), (figures.stored_bytes, ()), (figures.oldest_queued_seconds, ("image",))],
)
def test_only_an_index_is_read(plans, figure, arguments):
    steps = plans(figure, *arguments)
    assert steps
    assert all("USING COVERING INDEX" in step for step in steps), steps


def test_the_oldest_is_looked_up_and_not_searched_for(plans):
    for step in plans(figures.oldest_queued_seconds, "image"):
        assert step.startswith("SEARCH") and "(kind=? AND status=?)" in step


def test_what_is_not_there_is_none_and_not_zero(box):
    assert (figures.orphans(), figures.swept_at(), figures.backed_up_at()) == (None, None, None)
    assert (figures.jobs(), figures.stored_bytes(), figures.oldest_queued_seconds("image")) == ({}, 0, 0.0)
