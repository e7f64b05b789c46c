"""The official Python SDK of DashScope against its emulator."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import dashscope
import pytest
import requests
from dashscope.aigc.image_synthesis import ImageSynthesis
from dashscope.aigc.multimodal_conversation import MultiModalConversation
from dashscope.api_entities.http_request import close_shared_sync_session
from PIL import Image

from emulators.emulator import ALIYUN_KEY, Emulator

MODEL = "qwen-image-plus"


@pytest.fixture(autouse=True)
def sdk(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(dashscope, "base_http_api_url", emulator.aliyun_endpoint)
    monkeypatch.setattr(dashscope, "api_key", ALIYUN_KEY)
    yield
    close_shared_sync_session()


def submit(prompt: str = "a clay fox", **options: Any) -> Any:
    return ImageSynthesis.async_call(model=MODEL, prompt=prompt, **({"size": "1328*1328"} | options))


def finished(task: Any) -> Any:
    """As `wait`, whose first look comes after a second."""
    deadline = time.monotonic() + 5
    while (state := ImageSynthesis.fetch(task)).output.task_status in ("PENDING", "RUNNING"):
        assert time.monotonic() < deadline
        time.sleep(0.06)
    return state


def fetched(task: Any) -> Image.Image:
    answer = requests.get(task.output.results[0]["url"], timeout=5)
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content))


def test_a_picture_is_ordered_awaited_and_fetched(emulator: Emulator) -> None:
    task = submit(seed=42)
    assert task.output.task_status == "PENDING"
    done = ImageSynthesis.wait(task)
    assert done.output.task_status == "SUCCEEDED"
    assert done.usage.image_count == 1
    assert fetched(done).size == (1328, 1328)
    ordered = emulator.record().accepted("dashscope")
    assert [entry.ticket for entry in ordered] == [task.output.task_id]
    assert emulator.record().paid() == 1
    assert emulator.record().leaks() == []


def test_the_task_passes_through_its_states(emulator: Emulator) -> None:
    emulator.settings("dashscope", queued=0.15, duration=0.2)
    task, seen = submit(), list[str]()
    while not seen or seen[-1] != "SUCCEEDED":
        seen.append(ImageSynthesis.fetch(task).output.task_status)
        time.sleep(0.06)
    assert list(dict.fromkeys(seen)) == ["PENDING", "RUNNING", "SUCCEEDED"]


def test_the_synchronous_call_answers_with_the_picture() -> None:
    answer: Any = MultiModalConversation.call(
        model=MODEL, messages=[{"role": "user", "content": [{"text": "a clay fox"}]}], size="928*1664"
    )
    assert answer.status_code == HTTPStatus.OK
    url = answer.output.choices[0].message.content[0]["image"]
    assert Image.open(io.BytesIO(requests.get(url, timeout=5).content)).size == (928, 1664)


def test_a_wan_model_paints_four_when_nobody_says_how_many(emulator: Emulator) -> None:
    done = finished(ImageSynthesis.async_call(model="wan2.2-t2i-flash", prompt="a fox"))
    pictures = {requests.get(one["url"], timeout=5).content for one in done.output.results}
    assert len(pictures) == 4
    assert emulator.record().paid() == 4


def test_a_wrong_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "api_key", "sk-wrong")
    answer = submit()
    assert (answer.status_code, answer.code) == (401, "InvalidApiKey")
    assert answer.message == "Invalid API-key provided."


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"size": "1024*1024"}, 400, "InvalidParameter"),
        ({"size": "1328x1328"}, 400, "InvalidParameter"),
        ({"n": 2}, 400, "InvalidParameter"),
        ({"seed": -1}, 400, "InvalidParameter"),
        ({"model": "qwen-picture"}, 404, "ModelNotFound"),
        ({"prompt": "   "}, 400, "InvalidParameter"),
    ],
)
def test_what_the_vendor_refuses(emulator: Emulator, options: dict[str, Any], status: int, code: str) -> None:
    answer = ImageSynthesis.async_call(**({"model": MODEL, "prompt": "a fox"} | options))
    assert (answer.status_code, answer.code) == (status, code)
    assert emulator.record().accepted() == []


def test_a_wrong_size_may_show_in_the_task_only(emulator: Emulator) -> None:
    emulator.settings("dashscope", late_checks=True)
    done = finished(submit(size="1024*1024"))
    assert (done.output.task_status, done.output.code) == ("FAILED", "InvalidParameter")
    assert emulator.record().paid() == 0


def test_a_refused_picture_fails_in_the_task(emulator: Emulator) -> None:
    emulator.fault("dashscope", "submit", "task:DataInspectionFailed")
    done = finished(submit())
    assert (done.status_code, done.output.task_status) == (200, "FAILED")
    assert done.output.code == "DataInspectionFailed"
    assert emulator.record().paid() == 0


def test_throttling_reaches_the_caller(emulator: Emulator) -> None:
    emulator.fault("dashscope", "submit", "Throttling.RateQuota")
    answer = submit()
    assert (answer.status_code, answer.code) == (429, "Throttling.RateQuota")


def test_the_third_submit_of_a_second_is_throttled() -> None:
    assert [submit(str(number)).status_code for number in range(3)] == [200, 200, 429]


def test_two_jobs_are_worked_on_at_once_and_the_third_waits(emulator: Emulator) -> None:
    emulator.settings("dashscope", submits_per_second=None, duration=0.3, queued=0.0)
    tasks = [submit(str(number)) for number in range(3)]
    time.sleep(0.1)
    assert [ImageSynthesis.fetch(task).output.task_status for task in tasks] == ["RUNNING", "RUNNING", "PENDING"]
    assert finished(tasks[2]).output.task_status == "SUCCEEDED"


def test_only_a_waiting_task_can_be_cancelled(emulator: Emulator) -> None:
    emulator.settings("dashscope", queued=0.2, duration=5)
    first, second = submit("first"), submit("second")
    assert ImageSynthesis.cancel(first).status_code == 200
    assert ImageSynthesis.fetch(first).output.task_status == "CANCELED"
    time.sleep(0.25)
    late = ImageSynthesis.cancel(second)
    assert (late.status_code, late.code) == (400, "UnsupportedOperation")
    assert emulator.record().paid() == 1


def test_an_unknown_task_is_unknown() -> None:
    answer = ImageSynthesis.fetch("0f6c7a4e-0000-0000-0000-000000000000")
    assert (answer.status_code, answer.output.task_status) == (200, "UNKNOWN")


def test_some_of_several_pictures_may_fail(emulator: Emulator) -> None:
    emulator.fault("dashscope", "submit", "partial", codes=[["DataInspectionFailed", "Output data may contain…"]])
    done = finished(ImageSynthesis.async_call(model="wan2.2-t2i-flash", prompt="a fox", n=2))
    assert done.output.task_status == "SUCCEEDED"
    assert "url" in done.output.results[0]
    assert done.output.results[1]["code"] == "DataInspectionFailed"
    assert emulator.record().paid() == 1


def test_the_sdk_buys_twice_when_an_accepted_submit_is_reset(emulator: Emulator) -> None:
    emulator.fault("dashscope", "submit", "reset-after")
    assert submit(seed=7).status_code == 200
    record = emulator.record()
    assert [entry.accepted for entry in record.submits()] == [True, True]
    assert len(record.bought_twice()) == 1


def test_the_asynchronous_path_wants_its_header(emulator: Emulator) -> None:
    answer = requests.post(
        f"{emulator.aliyun_endpoint}/services/aigc/text2image/image-synthesis",
        json={"model": MODEL, "input": {"prompt": "a fox"}},
        headers={"Authorization": f"Bearer {ALIYUN_KEY}"},
        timeout=5,
    )
    assert answer.status_code == 403
    assert "does not support synchronous calls" in answer.json()["message"]


def test_a_result_expires_and_must_be_asked_for_exactly(emulator: Emulator) -> None:
    url = finished(submit()).output.results[0]["url"]
    assert requests.head(url, timeout=5).status_code == 403
    assert "SignatureDoesNotMatch" in requests.get(f"{url}&x=1", timeout=5).text
    leak = requests.get(url, headers={"Authorization": f"Bearer {ALIYUN_KEY}"}, timeout=5)
    assert leak.status_code == 400
    assert [entry.leaked for entry in emulator.record().leaks()] == [("Authorization",)]


def test_an_expired_result_is_refused_with_xml(emulator: Emulator) -> None:
    emulator.settings("dashscope", url_lifetime=0.1)
    task = submit()
    url = finished(task).output.results[0]["url"]
    time.sleep(0.15)
    answer = requests.get(url, timeout=5)
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/xml"
    assert "Request has expired." in answer.text


def test_a_task_is_forgotten_after_its_time(emulator: Emulator) -> None:
    emulator.settings("dashscope", lifetime=0.2)
    task = submit()
    time.sleep(0.25)
    assert ImageSynthesis.fetch(task).output.task_status == "UNKNOWN"
