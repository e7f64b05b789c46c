"""What providers are asked for is counted, whatever comes of it, and kept while the database is away."""

import pytest
from doubles import ScriptedImages
from peewee import OperationalError

from lumi_box.errors import AnswerLost, Busy, Refused, Unavailable
from lumi_box.metrics import calls, tally
from lumi_box.providers import registry
from lumi_box.providers.base import Cancels, ImageOrder, Prepares, Ready, Ticket

ORDER = ImageOrder("a crane", 0, 0)


@pytest.fixture(autouse=True)
def nothing_yet():
    calls._unwritten.clear()
    yield
    calls._unwritten.clear()


def counted():
    found = {}
    for row in tally.read(tally.PROVIDER):
        found[row.labels] = found.get(row.labels, 0) + row.count
    return found


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (Busy("later"), "busy"),
        (AnswerLost("gone"), "lost"),
        (Unavailable("down"), "unavailable"),
        (Refused("no"), "refused"),
        (ZeroDivisionError(), "error"),
    ],
)
def test_every_outcome_has_a_name(box, error, outcome):
    provider = calls.counted(ScriptedImages())
    if error is None:
        assert provider.submit(ORDER) == Ready("")
    else:
        provider.fail_next(error)
        with pytest.raises(type(error)):
            provider.submit(ORDER)
    calls.write()
    assert counted() == {("scripted", "submit", outcome): 1}


def test_each_operation_is_counted_by_its_name(box):
    provider = calls.counted(ScriptedImages())
    provider.poll(Ticket("1"))
    provider.poll(ticket=Ticket("1"))
    provider.fetch(Ready(""))
    provider.check()
    calls.write()
    assert counted() == {
        ("scripted", "poll", "ok"): 2,
        ("scripted", "fetch", "ok"): 1,
        ("scripted", "check", "ok"): 1,
    }


def test_the_registrys_providers_count_and_are_still_what_they_were(box, config):
    provider = registry.image_provider(config)
    assert isinstance(provider, Prepares) and not isinstance(provider, Cancels)
    provider.submit(ORDER)
    calls.write()
    assert counted() == {("builtin", "submit", "ok"): 1}


def test_what_could_not_be_written_is_written_later(box, monkeypatch):
    provider = calls.counted(ScriptedImages())
    provider.check()
    with monkeypatch.context() as patch:
        patch.setattr(tally, "add", lambda *_, **__: (_ for _ in ()).throw(OperationalError("away")))
        with pytest.raises(OperationalError):
            calls.write()
    provider.check()
    calls.write()
    calls.write()
    assert counted() == {("scripted", "check", "ok"): 2}


def test_it_is_written_while_the_block_runs_and_when_it_ends(box, monkeypatch):
    monkeypatch.setattr(calls, "WRITE_SECONDS", 0.01)
    provider = calls.counted(ScriptedImages())
    with calls.written():
        provider.check()
        while calls._unwritten:
            pass
        monkeypatch.setattr(calls, "WRITE_SECONDS", 60)
        provider.check()
    assert counted() == {("scripted", "check", "ok"): 2}


def test_the_time_falls_into_a_bucket(box):
    calls.note("acme", "submit", "ok", 0.3)
    calls.note("acme", "submit", "ok", 0.0004)
    calls.write()
    assert list(tally.read(tally.PROVIDER)) == [
        tally.Counted(("acme", "submit", "ok"), "0.05", 1, 400),
        tally.Counted(("acme", "submit", "ok"), "0.5", 1, 300_000),
    ]
