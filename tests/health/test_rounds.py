"""The rounds keep a history of changes, tell of those that last, and speak also where there is no database."""

from __future__ import annotations

import email
import logging
from dataclasses import replace

import pytest
from aiosmtpd.controller import Controller
from doctor.conftest import beat
from health.conftest import Rounds
from health.webhook import Webhook
from process.server import free_port

from lumi_box.health import alerts, history, rounds
from lumi_box.health.rounds import HealthRounds
from lumi_box.storage.node_lease import held
from lumi_box.tables.health import HealthAlert, HealthChange, HealthState
from lumi_box.worker import schedule

# One of apprise's many services, as it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def changes():
    return [(row.service, row.healthy) for row in HealthChange.select().order_by(HealthChange.id)]


def test_each_change_is_one_row_and_a_state_that_lasts_is_none(made):
    made.make()
    made.make()
    assert changes() == []
    made.make("storage")
    made.make("storage")
    made.make("storage")
    made.make()
    made.make()
    assert changes() == [("storage", False), ("storage", True)]
    state = HealthState.get_by_id("storage")
    assert (state.healthy, state.rounds, state.text, state.hint) == (True, 2, "storage was looked at.", "")
    assert HealthState.select().count() == 2


def test_an_alert_is_sent_when_an_illness_lasts_and_when_it_is_over(made, hook):
    made.make()
    made.make("storage")
    assert hook.messages == []
    made.make("storage")
    made.make("storage")
    assert hook.titles == ["lumi-box unhealthy: storage"]
    assert hook.messages[0]["type"] == "failure"
    assert "storage: storage was looked at. Mend it." in hook.messages[0]["message"]
    made.make()
    made.make()
    made.make()
    assert hook.titles[1:] == ["lumi-box well again: storage"]
    assert hook.messages[1]["type"] == "success"


def test_mail_is_one_of_the_ways(told, made):
    mails = []

    class Taking:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802  # the name that aiosmtpd calls
            mails.append(email.message_from_bytes(envelope.content))
            return "250 OK"

    server = Controller(Taking(), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        url = f"mailto://127.0.0.1:{server.port}?from=lumi@example.com&to=me@example.org&mode=insecure"
        told.config = replace(told.config, alerts=replace(told.config.alerts, urls=(url,)))
        made.make("storage")
        made.make("storage")
    finally:
        server.stop()
    (mail,) = mails
    assert mail["To"] == "me@example.org" and "unhealthy: storage" in mail["Subject"]


def test_what_comes_and_goes_is_kept_and_not_told(made, hook):
    for number in range(8):
        made.make(*(["storage"] if number % 2 else []))
    assert hook.messages == []
    assert len(changes()) == 7


def test_what_is_ill_from_the_first_round_on_is_told(made, hook):
    made.make("storage", "image-provider")
    made.make("storage", "image-provider")
    assert hook.titles == ["lumi-box unhealthy: storage, image-provider"]


def test_what_one_round_finds_is_one_message(made, hook):
    for ill in (["storage"], ["storage"], ["image-provider"], ["image-provider"]):
        made.make(*ill)
    assert hook.titles[-1] == "lumi-box unhealthy: image-provider; well again: storage"


def test_the_log_tells_by_how_bad_it_is_and_once(made, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(4):
        made.make("storage", "image-provider")
    lines = [record for record in caplog.records if record.getMessage().startswith("health changed")]
    assert [(record.levelname, record.args[0]) for record in lines] == [
        ("ERROR", "storage"),
        ("WARNING", "image-provider"),
    ]
    made.make()
    made.make()
    assert [record.levelname for record in caplog.records if "well again" in record.getMessage()][:1] == ["INFO"]


def test_a_message_that_is_not_taken_is_sent_again_with_the_next_round(made, hook, caplog):
    hook.status = 500
    made.make("storage")
    made.make("storage")
    made.make("storage")
    assert hook.calls == 2 and hook.messages == []
    assert HealthAlert.get().tries == 2
    assert caplog.text.count("alert not sent to=alerts.urls[1] (json) reason=did not take it") == 2
    hook.status = 200
    made.make("storage")
    made.make("storage")
    assert hook.titles == ["lumi-box unhealthy: storage"]
    assert HealthAlert.select().count() == 0


def test_an_address_that_fails_does_not_keep_the_others_from_being_told_once(made, told, hook):
    with Webhook() as other:
        urls = (other.url, hook.url)
        told.config = replace(told.config, alerts=replace(told.config.alerts, urls=urls))
        other.status = 500
        for _ in range(3):
            made.make("storage")
        assert (hook.titles, other.titles) == (["lumi-box unhealthy: storage"], [])
        other.status = 200
        made.make("storage")
        assert hook.titles == other.titles == ["lumi-box unhealthy: storage"]


def test_a_service_that_hangs_is_given_up_in_time(made, hook, monkeypatch, caplog):
    monkeypatch.setattr(alerts, "SEND_SECONDS", 0.3)
    hook.hold.clear()
    made.make("storage")
    made.make("storage")
    assert "reason=did not answer in time" in caplog.text
    hook.hold.set()


def test_a_message_is_given_up_after_a_day_and_without_its_address(made, told, hook, caplog):
    HealthAlert.create(target=alerts.target_of(hook.url), title="old", body="", created_at=1, tries=9)
    HealthAlert.create(target=alerts.target_of("json://gone"), title="unknown", body="")
    made.make()
    assert HealthAlert.select().count() == 0 and hook.calls == 0
    assert "alert given up to=alerts.urls[1] (json) tries=9 title=old" in caplog.text


def test_no_address_and_no_key_is_logged(made, hook, caplog):
    caplog.set_level(logging.DEBUG)
    for status in (500, 200):
        hook.status = status
        made.make("storage")
        made.make("storage")
    assert hook.messages
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("peewee"))
    assert "alert sent to=alerts.urls[1] (json)" in logged
    assert "secret-of-the-hook" not in logged and hook.place not in logged


def test_without_addresses_the_log_and_the_history_tell(box, monkeypatch, caplog):
    made = Rounds(box, monkeypatch)
    made.make("storage")
    made.make("storage")
    assert "health changed check=storage status=unhealthy" in caplog.text
    assert HealthAlert.select().count() == 0
    assert not HealthState.get_by_id("storage").told_healthy


def test_the_first_round_warns_of_whatever_is_ill(made, caplog):
    made.make("image-provider")
    made.make("image-provider")
    assert caplog.text.count("unhealthy check=image-provider found=image-provider was looked at. do=Mend it.") == 1


def test_old_history_is_forgotten(box, monkeypatch):
    monkeypatch.setattr(history, "KEEP_CHANGES", 5)
    HealthChange.create(service="storage", healthy=False, text="long ago", at=1)
    for number in range(9):
        HealthChange.create(service="storage", healthy=bool(number % 2), text=str(number))
    history.prune()
    assert [row.text for row in history.changes(100)] == ["8", "7", "6", "5", "4"]


def test_one_node_makes_a_round_at_a_time_and_not_right_after_another(told, monkeypatch):
    beat()
    first, second = HealthRounds(told), HealthRounds(told)
    looks = []
    for node in (first, second):
        found = node._examiner.examine
        monkeypatch.setattr(node._examiner, "examine", lambda found=found: looks.append(1) or found())
    first.run()
    second.run()  # looks around after its start, but keeps nothing: a round has just been made
    assert HealthState.get_by_id("disk").rounds == 1
    second.run()
    assert len(looks) == 2
    with held(rounds.NAME):
        monkeypatch.setattr(rounds, "GAP_MS", -1)
        second.run()
    assert HealthState.get_by_id("disk").rounds == 1
    second.run()
    assert HealthState.get_by_id("disk").rounds == 2


def test_a_real_round_finds_what_the_doctor_finds(told):
    beat()
    HealthRounds(told).run()
    assert {row.service for row in history.states() if not row.healthy} == set()
    assert HealthState.get_by_id("storage").text.startswith(str(told.config.storage.disk.path))


def test_the_schedule_runs_the_rounds_as_the_config_says(box):
    box.config = replace(box.config, schedule=replace(box.config.schedule, health="17 4 * * *"))
    scheduler = schedule.build(box, lambda _: None)
    scheduler.start(paused=True)
    job = scheduler.get_job("health")
    soon = job.next_run_time
    following = job.trigger.get_next_fire_time(None, soon)
    scheduler.shutdown()
    assert (following.hour, following.minute) == (4, 17)
