"""Each row of the vendors' error tables, met by a job in the middle of the flow: it ends as the table says."""

from __future__ import annotations

import pytest
from cloud import load
from doubles import cube
from emulators.emulator import Emulator
from emulators.error_row import BUSY, REFUSED, RETRY, UNKNOWN
from emulators.error_rows import DASHSCOPE, SILICONFLOW
from emulators.error_rows_tencent import TENCENT

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.jobs import lifecycle
from lumi_box.providers import registry
from lumi_box.tables import base
from lumi_box.tables.generation import GenerationRequest
from lumi_box.tables.job import Attempt, Job

FIRST = {BUSY: "completed", RETRY: "unavailable", REFUSED: "refused", UNKNOWN: "doubtful"}
STATUS_AFTER = {BUSY: ("COMPLETED", 1), RETRY: ("COMPLETED", 2), REFUSED: ("FAILED", 1), UNKNOWN: ("COMPLETED", 2)}


def ordered(rows):
    return [row for row in rows if row.operation == "submit"]


@pytest.fixture(scope="module")
def server():
    with Emulator(limited=False) as emulator:
        for vendor in ("dashscope", "tencent"):
            emulator.settings(vendor, duration=0.01)
        yield emulator


@pytest.fixture
def emulator(server):
    yield server
    server.clear()


def ends_as_the_table_says(row, kind):
    job = Job.get(Job.kind == kind, Job.id.in_(Attempt.select(Attempt.job).where(met(row))))
    attempts = list(Attempt.select().where(Attempt.job == job).order_by(Attempt.id))
    assert (job.status, len(attempts)) == STATUS_AFTER[row.verdict]
    assert attempts[0].outcome == FIRST[row.verdict]
    if row.verdict == REFUSED:
        assert job.error_message and job.error_code == attempts[0].error_code


def met(row):
    return Attempt.outcome == FIRST[row.verdict] if row.verdict != BUSY else Attempt.error_code.is_null(False)


@pytest.mark.parametrize("row", ordered(DASHSCOPE) + ordered(SILICONFLOW), ids=str)
def test_a_picture_ends_as_the_table_says(box, alice, drain, tmp_path, emulator, row):
    vendor = {"dashscope": "aliyun"}.get(row.vendor, row.vendor)
    (tmp_path / "cloud").mkdir()
    box.image_provider = registry.image_provider(load(tmp_path / "cloud", emulator, image=vendor))
    emulator.fault(row.vendor, "submit", row.name)
    accept_prompt(box, alice.id, "a paper crane")
    with base.transaction():
        for job in Job.select().order_by(Job.id).offset(1).limit(3):  # one is enough, and the vendor's PNGs are large
            lifecycle.cancel(box, job)
    drain(later=True)
    ends_as_the_table_says(row, "image")


@pytest.mark.parametrize("row", ordered(TENCENT), ids=str)
def test_a_model_ends_as_the_table_says(box, alice, drain, tmp_path, emulator, monkeypatch, row):
    (tmp_path / "cloud").mkdir()
    box.model_provider = registry.model_provider(load(tmp_path / "cloud", emulator))
    monkeypatch.setattr(box.model_provider, "fetch", lambda *_: cube())  # small, and not what is asked here
    emulator.fault("tencent", "submit", row.name)
    request = accept_prompt(box, alice.id, "a paper crane")
    drain(later=True)
    pick_image(box, request, 0)
    drain(later=True)
    ends_as_the_table_says(row, "model3d")
    end = "MODEL_FAILED" if row.verdict == REFUSED else "COMPLETED"
    assert GenerationRequest.get_by_id(request.id).status == end
