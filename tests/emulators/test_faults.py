"""Each fault does what its name says, and the journal tells what really happened."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from emulators import calls, files
from emulators.emulator import ALIYUN_KEY, SILICONFLOW_KEY, TENCENT_KEY, Emulator
from emulators.error_row import ErrorRow
from emulators.error_rows import ERROR_ROWS
from emulators.journal import as_json
from emulators.pictures import picture
from emulators.remote import RemoteEmulator

EVERY_ROW = [row for table in ERROR_ROWS.values() for row in table]


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(limited=False) as shared:
        for vendor in ("dashscope", "siliconflow", "tencent"):
            shared.settings(vendor, duration=0.0)
        shared.settings("dashscope", queued=0.0)
        shared.settings("tencent", queued=0.0)
        yield shared


@pytest.fixture
def emulator(running: Emulator) -> Iterator[Emulator]:
    yield running
    running.clear()


def picture_url(emulator: Emulator) -> str:
    ticket = calls.dashscope_submit(emulator).json()["output"]["task_id"]
    url: str = calls.dashscope_poll(emulator, ticket).json()["output"]["results"][0]["url"]
    return url


def fetch(url: str, **options: Any) -> requests.Response:
    return requests.get(url, **({"timeout": 5.0} | options))


@pytest.mark.parametrize("row", EVERY_ROW, ids=str)
def test_every_row_is_answered_as_it_stands(emulator: Emulator, row: ErrorRow) -> None:
    emulator.fault(row.vendor, row.operation, row.name)
    answer = calls.order(emulator, row.vendor, row.operation)
    if row.of_job:
        assert answer.ok
        assert emulator.record().accepted()
        assert emulator.record().paid() == 0
        return
    assert answer.status_code == row.status
    assert answer.headers["Content-Type"] == row.content_type
    assert (answer.content if isinstance(row.body, bytes) else answer.json()) == row.body
    assert [entry.accepted for entry in emulator.record().of(row.vendor, row.operation)] == [False]


@pytest.mark.parametrize("row", [row for row in EVERY_ROW if row.of_job], ids=str)
def test_a_failed_job_carries_the_code_of_its_row(emulator: Emulator, row: ErrorRow) -> None:
    emulator.fault(row.vendor, row.operation, row.name)
    answer = calls.order(emulator, row.vendor, "submit").json()
    if row.vendor == "dashscope":
        output = calls.dashscope_poll(emulator, answer["output"]["task_id"]).json()["output"]
        assert (output["task_status"], output["code"], output["message"]) == ("FAILED", row.code, row.message)
    else:
        job = answer["Response"]["JobId"]
        state = calls.tencent(emulator, "QueryHunyuanTo3DRapidJob", JobId=job).json()["Response"]
        assert (state["Status"], state["ErrorCode"], state["ErrorMessage"]) == ("FAIL", row.code, row.message)


def test_rows_have_names_of_their_own() -> None:
    for table in ERROR_ROWS.values():
        names = [(row.operation, row.name) for row in table]
        assert len(set(names)) == len(names)


def test_a_reset_before_acceptance_makes_no_job_and_one_after_it_does(emulator: Emulator) -> None:
    for name, accepted in (("reset-before", False), ("reset-after", True)):
        emulator.clear()
        emulator.fault("dashscope", "submit", name)
        with pytest.raises(requests.ConnectionError, match="reset by peer"):
            calls.dashscope_submit(emulator)
        (entry,) = emulator.record().submits()
        assert (entry.accepted, entry.paid, entry.status, entry.fault) == (accepted, int(accepted), 0, name)


def test_a_hang_never_answers(emulator: Emulator) -> None:
    for name, accepted in (("hang-before", False), ("hang-after", True)):
        emulator.clear()
        emulator.fault("dashscope", "submit", name)
        with pytest.raises(requests.ReadTimeout):
            calls.dashscope_submit(emulator, timeout=0.3)
        assert emulator.record().submits()[0].accepted is accepted


def test_a_hanging_request_does_not_hold_up_the_shutdown() -> None:
    with Emulator() as own:
        own.fault("dashscope", "submit", "hang-before")
        with pytest.raises(requests.ReadTimeout):
            calls.dashscope_submit(own, timeout=0.1)
        begun = time.monotonic()
    assert time.monotonic() - begun < 1


def test_gateway_answers_are_html(emulator: Emulator) -> None:
    emulator.fault("tencent", "submit", "gateway-502")
    answer = calls.order(emulator, "tencent", "submit")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert "502 Bad Gateway" in answer.text
    assert not emulator.record().accepted()
    emulator.fault("tencent", "submit", "gateway-504")
    assert calls.order(emulator, "tencent", "submit").status_code == 504
    assert emulator.record().accepted()


def test_bodies_that_are_no_json(emulator: Emulator) -> None:
    for name, expected in (("empty-body", b""), ("not-json", b"upstream connect error")):
        emulator.fault("dashscope", "poll", name)
        assert calls.dashscope_poll(emulator, "0").content == expected
    emulator.fault("dashscope", "poll", "truncated-json")
    answer = calls.dashscope_poll(emulator, "0")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.content)
    emulator.fault("dashscope", "poll", "wrong-content-type")
    answer = calls.dashscope_poll(emulator, "0")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.json()["output"]["task_status"] == "UNKNOWN"


def test_a_body_cut_short(emulator: Emulator) -> None:
    url = picture_url(emulator)
    emulator.fault("dashscope", "fetch", "cut-short")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        fetch(url)


def test_a_dripping_body_comes_byte_by_byte(emulator: Emulator) -> None:
    url = picture_url(emulator)
    emulator.fault("dashscope", "fetch", "drip", interval=0.05)
    begun, received = time.monotonic(), 0
    with fetch(url, stream=True) as answer:
        assert int(answer.headers["Content-Length"]) > 10_000
        for received, _ in enumerate(answer.iter_content(1), 1):  # noqa: B007  # the count is what is wanted
            if time.monotonic() - begun > 0.5:
                break
    assert 3 <= received <= 11


@pytest.mark.parametrize("name", ["huge-length", "endless"])
def test_more_than_anyone_wants_to_read(emulator: Emulator, name: str) -> None:
    url = picture_url(emulator)
    emulator.fault("dashscope", "fetch", name)
    with fetch(url, stream=True) as answer:
        assert answer.headers.get("Content-Length") == (str(1 << 30) if name == "huge-length" else None)
        taken = sum(len(chunk) for chunk, _ in zip(answer.iter_content(1 << 16), range(160), strict=False))
    assert taken == 160 << 16


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("redirect-private", "http://10.0.0.1/x"),
        ("redirect-metadata", "http://169.254.169.254/latest/meta-data/"),
        ("redirect-file", "file:///etc/passwd"),
    ],
)
def test_redirects_to_where_no_client_may_go(emulator: Emulator, name: str, to: str) -> None:
    url = picture_url(emulator)
    emulator.fault("dashscope", "fetch", name)
    answer = fetch(url, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, to)


def test_redirect_chains_have_the_length_that_was_asked_for(emulator: Emulator) -> None:
    url = picture_url(emulator)
    for hops in (1, 3, 10):
        emulator.fault("dashscope", "fetch", "redirect-chain", hops=hops)
        answer = fetch(url)
        assert len(answer.history) == hops
        assert Image.open(io.BytesIO(answer.content)).size == (1328, 1328)


def test_a_redirect_loop(emulator: Emulator) -> None:
    url = picture_url(emulator)
    emulator.fault("dashscope", "fetch", "redirect-loop")
    with pytest.raises(requests.TooManyRedirects):
        fetch(url)


def served(emulator: Emulator, kind: str, **options: Any) -> bytes:
    url = picture_url(emulator)
    emulator.fault("dashscope", "fetch", "file", kind=kind, **options)
    return fetch(url).content


def test_a_zip_bomb_unpacks_to_a_thousand_times_its_size(emulator: Emulator) -> None:
    data = served(emulator, "zip-bomb", megabytes=64)
    (bomb, _) = zipfile.ZipFile(io.BytesIO(data)).infolist()
    assert bomb.file_size > 64 << 20
    assert len(data) < 100_000


def test_archives_that_climb_out_or_hold_no_model(emulator: Emulator) -> None:
    names = zipfile.ZipFile(io.BytesIO(served(emulator, "zip-traversal"))).namelist()
    assert any(name.startswith("../") for name in names)
    names = zipfile.ZipFile(io.BytesIO(served(emulator, "zip-without-obj"))).namelist()
    assert not any(name.endswith(".obj") for name in names)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(served(emulator, "zip-broken")))


def test_a_small_picture_of_huge_dimensions(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    data = served(emulator, "huge-picture")
    assert len(data) < 100_000
    assert Image.open(io.BytesIO(data)).size == (20_000, 20_000)


def test_a_mesh_of_many_faces_is_sound_and_streamed(emulator: Emulator) -> None:
    archive = zipfile.ZipFile(io.BytesIO(served(emulator, "five-million-faces", faces=50_001)))
    text = archive.read("ribbon.obj")
    assert text.count(b"\nf ") == 50_001
    emulator.fault("dashscope", "fetch", "file", kind="five-million-faces")
    begun = time.monotonic()
    with fetch(picture_url(emulator), stream=True) as answer:
        assert next(answer.iter_content(65536)).startswith(b"PK\x03\x04")
    assert time.monotonic() - begun < 1.5


def test_a_large_archive_on_demand() -> None:
    body = files.make("zip-30mb", "", megabytes=3).body()
    assert isinstance(body, bytes)
    assert 3_000_000 < len(body) < 3_300_000


def test_pictures_differ_by_words_and_have_one_object_on_a_plain_ground() -> None:
    assert picture("a fox|1|0", 256, 256) != picture("a fox|2|0", 256, 256)
    image = Image.open(io.BytesIO(picture("a fox|1|0", 256, 256))).convert("RGB")
    ground = image.getpixel((0, 0))
    edge = [(x, y) for x in range(256) for y in (0, 255)] + [(x, y) for y in range(256) for x in (0, 255)]
    assert {image.getpixel(point) for point in edge} == {ground}
    covered = sum(image.getpixel((x, y)) != ground for x in range(0, 256, 4) for y in range(0, 256, 4)) / 64**2
    assert 0.05 < covered < 0.6


def test_a_few_pictures_may_stand_for_all(emulator: Emulator) -> None:
    emulator.settings("dashscope", distinct_pictures=1)
    pictures = {fetch(picture_url(emulator)).content for _ in range(2)}
    emulator.settings("dashscope", distinct_pictures=None)
    assert len(pictures) == 1
    assert len({fetch(picture_url(emulator)).content for _ in range(2)}) == 2  # no seed was given


def test_faults_come_one_by_one_in_order_and_then_end(emulator: Emulator) -> None:
    emulator.fault("dashscope", "submit", "Throttling", times=2, retry_after=7)
    emulator.fault("dashscope", "submit", "InternalError")
    answers = [calls.dashscope_submit(emulator) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 500, 200]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "7", None, None]
    assert emulator.faults.pending() == []


def test_faults_by_probability(emulator: Emulator) -> None:
    emulator.fault("dashscope", "poll", "InternalError", times=None, probability=0.3)
    failed = sum(calls.dashscope_poll(emulator, "0").status_code == 500 for _ in range(100))
    assert 15 <= failed <= 45


def test_a_fault_for_one_kind_of_file_only(emulator: Emulator) -> None:
    url = picture_url(emulator)
    emulator.fault("dashscope", "fetch", "gateway-502", path=".zip")
    assert fetch(url).status_code == 200


def test_a_mistaken_fault_is_an_error(emulator: Emulator) -> None:
    with pytest.raises(KeyError, match="Throttling"):
        emulator.fault("dashscope", "submit", "Throtling")
    with pytest.raises(ValueError, match="is for qwen chat"):
        emulator.fault("dashscope", "submit", "fenced")
    with pytest.raises(KeyError, match="duration"):
        emulator.settings("dashscope", speed=1)


def test_stuck_and_lost_jobs(emulator: Emulator) -> None:
    emulator.fault("dashscope", "submit", "stuck", stuck="SUSPENDED")
    ticket = calls.dashscope_submit(emulator).json()["output"]["task_id"]
    assert calls.dashscope_poll(emulator, ticket).json()["output"]["task_status"] == "SUSPENDED"
    emulator.fault("dashscope", "poll", "lost")
    assert calls.dashscope_poll(emulator, ticket).json()["output"]["task_status"] == "UNKNOWN"
    emulator.fault("tencent", "submit", "stuck")
    job = calls.order(emulator, "tencent", "submit").json()["Response"]["JobId"]
    assert calls.tencent(emulator, "QueryHunyuanTo3DRapidJob", JobId=job).json()["Response"]["Status"] == "RUN"


def test_the_journal_times_polls_and_knows_no_key_and_no_prompt(emulator: Emulator) -> None:
    emulator.settings("dashscope", duration=0.15)
    ticket = calls.dashscope_submit(emulator, input={"prompt": "a secret fox"}).json()["output"]["task_id"]
    calls.dashscope_poll(emulator, ticket)
    time.sleep(0.2)
    calls.dashscope_poll(emulator, ticket)
    emulator.settings("dashscope", duration=0.0)
    record = emulator.record()
    assert [entry.state for entry in record.polls(ticket)] == ["running", "done"]
    lateness = record.lateness(ticket)
    assert lateness is not None
    assert 0 < lateness < 0.2
    text = json.dumps(as_json(record))
    assert not any(word in text for word in (ALIYUN_KEY, SILICONFLOW_KEY, TENCENT_KEY, "secret fox"))


def test_a_process_of_its_own_serves_all_four() -> None:
    script = Path(__file__).with_name("run.py")
    command = [sys.executable, str(script), "--unlimited", "--image-seconds", "0", "--model-seconds", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        remote = RemoteEmulator(process.stdout.readline().strip())
        assert remote.settings("siliconflow", duration=0.01)["duration"] == 0.01
        remote.fault("dashscope", "submit", "Throttling", retry_after=2)
        assert calls.dashscope_submit(remote).headers["Retry-After"] == "2"
        assert calls.dashscope_submit(remote).ok
        assert calls.siliconflow_submit(remote).ok
        assert calls.chat(remote, "qwen").ok
        assert "JobId" in calls.order(remote, "tencent", "submit").json()["Response"]
        assert remote.record().paid() == 3
        with pytest.raises(ValueError, match="no fault"):
            remote.fault("tencent", "submit", "nonsense")
        remote.clear()
        assert remote.record().entries == []
    finally:
        process.terminate()
        process.stdout.close()
    assert process.wait(5) == 0
