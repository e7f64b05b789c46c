"""Jobs: how many at once, how often, how long, and what is kept of them; and what is done by the clock."""

from __future__ import annotations

from datetime import UTC, datetime

from config.effects import effect
from config.effects.world import outcome
from conftest import bearer
from doubles import ScriptedImages, ScriptedModels

from lumi_box.backup import status
from lumi_box.clock import now_ms
from lumi_box.errors import Unavailable
from lumi_box.flow import spend
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.health import alerts
from lumi_box.jobs import lifecycle, retention
from lumi_box.tables import base
from lumi_box.tables.base import transaction
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.job import Job
from lumi_box.worker import backups, schedule
from lumi_box.worker.leases import LeaseKeeper
from lumi_box.worker.tasks import Worker

FAST = {"queue.jobs_per_minute": 0, "queue.image_concurrency": 9}


def _working(world, config, kind="image"):
    """A box with four jobs of the kind that wait, and the ids of those that can be begun at once."""
    box = world.box(config)
    box.image_provider, box.model_provider = ScriptedImages(), ScriptedModels()
    user = world.user()
    if kind == "image":
        accept_prompt(box, user.id, "a fox")
    else:
        with transaction():
            for number in range(4):
                lifecycle.create(box, "model3d", f"model-{number}", "request", user.id)
    ids = [job.id for job in Job.select().where(Job.kind == kind)]
    return box, [job for each in ids if (job := lifecycle.claim(box, each)) is not None]


@effect("queue.image_concurrency", (1, 1), (3, 3), given={"queue.jobs_per_minute": 0})
@effect("queue.jobs_per_minute", (2, 2), (0, 4), given={"queue.image_concurrency": 9})
def how_many_pictures_are_begun(world, config):
    return len(_working(world, config)[1])


@effect("queue.model_concurrency", (1, 1), (3, 3), given={"queue.jobs_per_minute": 0})
def how_many_models_are_begun(world, config):
    return len(_working(world, config, "model3d")[1])


def _failed(world, config):
    box, (job, *_) = _working(world, config)
    with transaction():
        failure = lifecycle.fail(box, job, Unavailable("away"))
    return failure, Job.get_by_id(job.id)


@effect("queue.max_attempts", (1, "FAILED"), (2, "RETRYING"), given=FAST)
def what_becomes_of_a_first_failure(world, config):
    return _failed(world, config)[1].status


@effect("queue.backoff_seconds", (0, False), (600, True), given=FAST)
def whether_it_waits_for_minutes(world, config):
    return _failed(world, config)[0].delay > 60


@effect("queue.job_timeout_seconds", (5, 5000), (600, 600_000), given=FAST)
def how_long_an_attempt_may_take(world, config):
    _, (job, *_) = _working(world, config)
    return job.deadline_at - job.attempt_started_at


def _ended(world, config, hours):
    box, jobs = _working(world, config)
    for job in jobs:
        with transaction():
            lifecycle.succeed(box, job)
    Job.update(ended_at=now_ms() - hours * 3_600_000).execute()
    retention.prune(box)
    return Job.select().count()


@effect("queue.keep_completed_hours", (1, 0), (3, 4), given=FAST)
def how_long_ended_jobs_are_kept(world, config):
    return _ended(world, config, 2)


@effect("queue.keep_completed_max", (0, 0), (4, 4), given=FAST)
def how_many_ended_jobs_are_kept(world, config):
    return _ended(world, config, 1)


def _finished(box, user):
    """A model, the whole way from the prompt."""
    box.image_provider, box.model_provider = ScriptedImages(), ScriptedModels()
    worker = Worker(box, LeaseKeeper(base.database))
    request = accept_prompt(box, user.id, "a fox")
    for job in list(Job.select()):
        worker.run_job(job.id)
    pick_image(box, request, 0)
    worker.run_job(Job.get(Job.kind == "model3d").id)
    return GeneratedModel.get()


@effect("gallery.default_visibility", ("PRIVATE", "PRIVATE"), ("PUBLIC", "PUBLIC"))
def who_sees_a_new_model(world, config):
    return _finished(world.box(config), world.user()).visibility


@effect("printer.bed_mm", ([220, 220, 250], True), ([20, 20, 20], False))
def whether_a_model_fits_the_bed(world, config):
    app = world.app(config)
    user = world.user()
    model = _finished(app.extensions["lumi_box"], user)
    found = app.test_client().get(f"/api/v1/models/{model.id}/print-report", headers=bearer(user))
    return found.json["data"]["fitsBed"]


@effect("limits.generations_per_day", (1, "TooMany"), (2, "accepted"))
@effect("limits.active_generations", (1, "TooMany"), (2, "accepted"))
def whether_a_second_request_is_taken(world, config):
    box = world.box(config)
    box.image_provider = ScriptedImages()
    user = world.user()
    accept_prompt(box, user.id, "a fox")
    found = outcome(lambda: accept_prompt(box, user.id, "a swan"))
    return found if isinstance(found, str) else "accepted"


@effect("spend.model_price", (0, "free"), (1.5, "over"), given={"spend.monthly_cap": 1})
def whether_a_model_is_beyond_the_budget(world, config):
    return _budget(world, config, "model3d")


@effect("spend.monthly_cap", (0.5, "over"), (0, "free"), given={"spend.image_price": 0.2})
def whether_four_pictures_are_beyond_the_budget(world, config):
    box = world.box(config)
    box.image_provider = ScriptedImages()
    found = outcome(lambda: accept_prompt(box, world.user().id, "a fox"))
    return "over" if isinstance(found, str) else "free"


def _budget(world, config, kind):
    box = world.box(config)
    box.model_provider = ScriptedModels()
    found = outcome(lambda: spend.check_cap(box, kind))
    return "over" if isinstance(found, str) else "free"


def _planned(world, config, name):
    scheduler = schedule.build(world.box(config), lambda _: None)
    scheduler.start(paused=True)
    try:
        job = scheduler.get_job(name)
        moment = job.trigger.get_next_fire_time(None, datetime(2026, 1, 1, tzinfo=UTC))
    finally:
        scheduler.shutdown()
    return moment.hour, moment.minute


@effect("schedule.sweep", ("0 3 * * *", (3, 0)), ("20 4 * * *", (4, 20)))
def when_it_sweeps(world, config):
    return _planned(world, config, "sweep_storage")


@effect("schedule.health", ("7 0 * * *", (0, 7)), ("20 4 * * *", (4, 20)))
def when_it_looks_at_its_health(world, config):
    return _planned(world, config, "health")


@effect("alerts.urls", (["json://{host}/one"], ["/one"]), (["json://{host}/two"], ["/two"]), ([], []))
def who_is_told_of_an_illness(world, config):
    world.recorder.says({})
    before = len(world.recorder.asked)
    alerts.send_all(config, config.alerts.urls, "storage", "It is full.")
    return [asked.path for asked in world.recorder.asked[before:]]


def _backed_up(world, config):
    """The backups that there are after four that were due."""
    box = world.box(config)
    box.storage.put("images/r/0.png", config.path)
    for number in range(4):
        world.monkeypatch.setattr(backups, "_is_due", lambda _: True)
        world.monkeypatch.setattr(backups, "datetime", _Moments(number))
        backups.back_up(box)
    return [path.parent.relative_to(config.folder).as_posix() for path in config.folder.rglob("*.tar")]


@effect("backup.directory", ("one", ["one"]), ("two/three", ["two/three"]), given={"backup.keep": 2})
def where_backups_lie(world, config):
    (config.folder / "two").mkdir()
    return sorted(set(_backed_up(world, config)))


@effect("backup.keep", (1, 1), (3, 3), given={"backup.directory": "backups"})
def how_many_backups_are_kept(world, config):
    return len(_backed_up(world, config))


@effect("schedule.backup", ("0 3 * * *", True), ("0 5 * * *", False), given={"backup.directory": "backups"})
def whether_a_backup_is_due_at_four(world, config):
    """One was made last midnight."""
    box = world.box(config)
    midnight, four = (int(datetime(2026, 11, 21, hour, tzinfo=UTC).timestamp() * 1000) for hour in (0, 4))
    for name in (backups.DONE, backups.TRIED):
        status.write(name, str(midnight))
    world.monkeypatch.setattr(backups, "now_ms", lambda: four)
    return backups._is_due(box)


class _Moments:
    """The clock by which backups are named: a minute later each time."""

    def __init__(self, minute):
        self._minute = minute

    def now(self, zone):
        return datetime(2026, 11, 21, 12, self._minute, tzinfo=zone)

    fromtimestamp = staticmethod(datetime.fromtimestamp)
