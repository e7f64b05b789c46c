"""Pictures by Alibaba Cloud Model Studio, spoken to over HTTP."""

from __future__ import annotations

import dataclasses
import io

import pytest
from cloud import agrees, failure_of, finished, listening, load, logged, with_limits, with_settings  # noqa: F401
from emulators.emulator import ALIYUN_KEY, Emulator
from emulators.error_rows import DASHSCOPE, rows
from PIL import Image

from lumi_box.errors import AnswerLost, Busy, Refused, Unavailable
from lumi_box.providers import registry
from lumi_box.providers.base import ImageOrder, Pending, Ready, Ticket
from lumi_box.providers.images.aliyun import size_for

ORDER = ImageOrder("a clay fox with a long striped scarf", 0, 7)
SUBMITTED = [row for row in rows("dashscope", "submit") if not row.of_job]
POLLED = [row for row in rows("dashscope", "poll") if not row.of_job]
OF_JOBS = [row for row in DASHSCOPE if row.of_job]


@pytest.fixture(scope="module")
def server():
    with Emulator(limited=False) as emulator:
        emulator.settings("dashscope", duration=0.02)
        yield emulator


@pytest.fixture
def emulator(server):
    yield server
    server.clear()


@pytest.fixture
def config(tmp_path, emulator):
    return load(tmp_path, emulator)


@pytest.fixture
def images(config):
    return registry.image_provider(config)


@pytest.fixture
def bodies(emulator, monkeypatch):
    """The JSON of every order that reached the vendor."""
    found = []
    identify = emulator.dashscope.identify

    def noting(request):
        if request.body:
            found.append(request.object())
        return identify(request)

    monkeypatch.setattr(emulator.dashscope, "identify", noting)
    return found


def test_a_picture_is_ordered_asked_for_and_brought_home(images, emulator):
    ticket = images.submit(ORDER)
    picture = images.fetch(finished(images, ticket))
    with Image.open(io.BytesIO(picture.data)) as painted:
        assert (painted.format, painted.size) == ("PNG", (1328, 1328))
    assert picture.media_type == "image/png"
    record = emulator.record()
    assert (record.paid(), record.leaks()) == (1, [])


def test_the_order_says_what_the_vendor_would_guess_wrongly(images, bodies):
    images.submit(ORDER)
    parameters = bodies[0]["parameters"]
    assert (parameters["n"], parameters["watermark"], parameters["size"]) == (1, False, "1328*1328")
    assert bodies[0]["input"]["prompt"] == ORDER.prompt
    assert 0 < len(bodies[0]["input"]["negative_prompt"]) <= 500


@pytest.mark.parametrize("model", ["wan2.5-t2i-preview", "wan2.2-t2i-flash", "wanx2.1-t2i-turbo"])
def test_wan_paints_and_charges_one_picture_not_four(config, emulator, model):
    images = registry.image_provider(with_settings(config, "aliyun", model=model))
    finished(images, images.submit(ORDER))
    assert emulator.record().paid() == 1


def test_four_positions_have_four_seeds_and_a_repeat_has_the_same(images, bodies):
    for position in (0, 1, 2, 3, 0):
        images.submit(ImageOrder(ORDER.prompt, position, ORDER.seed))
    images.submit(ImageOrder(ORDER.prompt, 0, ORDER.seed + 1))
    seeds = [body["parameters"]["seed"] for body in bodies]
    assert len(set(seeds[:4])) == 4
    assert seeds[4] == seeds[0] != seeds[5]
    assert all(0 <= seed <= 2_147_483_647 for seed in seeds)


@pytest.mark.parametrize(
    ("model", "wanted", "painted"),
    [
        ("qwen-image-plus", (1328, 1328), (1328, 1328)),
        ("qwen-image", (1024, 1024), (1328, 1328)),
        ("qwen-image-plus", (1920, 1080), (1664, 928)),
        ("qwen-image-plus", (600, 800), (1104, 1472)),
        ("wan2.2-t2i-plus", (1024, 768), (1024, 768)),
        ("wan2.2-t2i-plus", (2000, 300), (1440, 512)),
        ("wan2.5-t2i-preview", (1440, 1280), (1440, 1280)),
        ("wan2.5-t2i-preview", (512, 512), (1280, 1280)),
        ("flux-schnell", (768, 512), (768, 512)),
    ],
)
def test_a_size_that_the_model_cannot_paint_becomes_the_nearest(listening, model, wanted, painted):  # noqa: F811
    assert size_for(model, wanted) == painted
    warned = [record for record in listening.records if record.levelname == "WARNING"]
    assert bool(warned) == (wanted != painted)


@pytest.mark.parametrize(
    ("model", "limit"), [("qwen-image", 800), ("wan2.5-t2i-preview", 2000), ("wan2.2-t2i-plus", 500)]
)
def test_a_prompt_is_cut_at_what_the_model_reads(config, bodies, model, limit):
    images = registry.image_provider(with_settings(config, "aliyun", model=model))
    images.submit(ImageOrder("狐" * 3000, 0, 0))
    assert len(bodies[0]["input"]["prompt"]) == limit


@pytest.mark.parametrize("row", SUBMITTED, ids=str)
def test_errors_of_a_submit(images, emulator, row):
    emulator.fault("dashscope", "submit", row.name)
    error = failure_of(lambda: images.submit(ORDER))
    agrees(error, row)
    assert error.request_id == row.body["request_id"]
    assert not error.ticket_dead


@pytest.mark.parametrize("row", POLLED, ids=str)
def test_errors_of_a_poll_leave_the_ticket_alive(images, emulator, row):
    ticket = images.submit(ORDER)
    emulator.fault("dashscope", "poll", row.name)
    error = failure_of(lambda: images.poll(ticket))
    agrees(error, row)
    assert not error.ticket_dead
    finished(images, ticket)


@pytest.mark.parametrize("row", OF_JOBS, ids=str)
def test_a_failed_task_has_to_be_ordered_anew(images, emulator, row):
    emulator.fault("dashscope", "submit", row.name)
    error = failure_of(lambda: finished(images, images.submit(ORDER)))
    agrees(error, row)
    assert error.ticket_dead


def test_of_a_partly_failed_task_the_picture_is_taken(images, emulator, monkeypatch):
    emulator.fault("dashscope", "submit", "partial", codes=[("InternalError", "failed")])
    error = failure_of(lambda: finished(images, images.submit(ORDER)))  # n=1: the only entry failed
    assert (type(error), error.code, error.ticket_dead) == (Unavailable, "InternalError", True)
    results = emulator.dashscope._results
    failed = {"code": "DataInspectionFailed", "message": "no"}

    def mixed(job):
        found = results(job)
        return found | {"results": [failed, None, *found["results"]]}

    monkeypatch.setattr(emulator.dashscope, "_results", mixed)
    assert finished(images, images.submit(ORDER)).reference.startswith(emulator.base)


def test_a_task_without_any_result_is_dead(images, emulator, monkeypatch):
    monkeypatch.setattr(emulator.dashscope, "_results", lambda job: {"task_metrics": {"SUCCEEDED": 0}, "results": []})
    error = failure_of(lambda: finished(images, images.submit(ORDER)))
    assert (type(error), error.code, error.ticket_dead) == (Unavailable, "no_result", True)


def test_a_task_that_the_vendor_has_forgotten_is_dead(images, emulator):
    error = failure_of(lambda: images.poll(Ticket("0f6c7a4e-0000-0000-0000-000000000000")))
    assert (type(error), error.code, error.ticket_dead) == (Unavailable, "UNKNOWN", True)


def test_a_cancelled_task_is_dead(images, emulator):
    emulator.settings("dashscope", queued=30.0)
    try:
        ticket = images.submit(ORDER)
    finally:
        emulator.settings("dashscope", queued=0.0)
    images._client.call("POST", f"/tasks/{ticket.id}/cancel")
    error = failure_of(lambda: images.poll(ticket))
    assert (type(error), error.code, error.ticket_dead) == (Unavailable, "CANCELED", True)


@pytest.mark.parametrize("status", ["SUSPENDED", "PONDERING"])
def test_a_status_that_is_new_to_us_is_waited_for(images, emulator, status):
    emulator.fault("dashscope", "poll", "answer", status=200, body={"output": {"task_status": status}})
    assert images.poll(Ticket("some-id")) == Pending()


@pytest.mark.parametrize("body", [{}, {"output": None}, {"output": {}}, [1], "text", None])
def test_a_poll_that_says_nothing_may_pass(images, emulator, body):
    emulator.fault("dashscope", "poll", "answer", status=200, body=body)
    error = failure_of(lambda: images.poll(Ticket("some-id")))
    assert (type(error), error.ticket_dead) == (Unavailable, False)


@pytest.mark.parametrize(
    "name", ["reset-after", "cut-short", "truncated-json", "empty-body", "not-json", "gateway-502", "gateway-504"]
)
def test_a_submit_whose_answer_is_lost_is_doubtful(images, emulator, name):
    emulator.fault("dashscope", "submit", name)
    assert isinstance(failure_of(lambda: images.submit(ORDER)), AnswerLost)


def test_a_submit_that_is_not_answered_in_time_is_doubtful(config, emulator):
    images = registry.image_provider(with_settings(config, "aliyun", timeout_seconds=0.2))
    emulator.fault("dashscope", "submit", "hang-after")
    assert isinstance(failure_of(lambda: images.submit(ORDER)), AnswerLost)


def test_a_server_that_cannot_be_reached_has_accepted_nothing(config):
    images = registry.image_provider(with_settings(config, "aliyun", endpoint="http://127.0.0.1:1/api/v1"))
    for act in (lambda: images.submit(ORDER), lambda: images.poll(Ticket("x")), images.check):
        error = failure_of(act)
        assert (type(error), error.code) == (Unavailable, "connect")


def test_retry_after_is_passed_on(images, emulator):
    emulator.fault("dashscope", "submit", "Throttling.RateQuota", retry_after=17)
    error = failure_of(lambda: images.submit(ORDER))
    assert isinstance(error, Busy)
    assert error.retry_after == 17


def test_an_expired_address_is_asked_for_again(images, emulator):
    ticket = images.submit(ORDER)
    ready = finished(images, ticket)
    emulator.fault("dashscope", "fetch", "answer", status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    error = failure_of(lambda: images.fetch(ready))
    assert (type(error), error.code, error.ticket_dead) == (Unavailable, "result_expired", False)
    assert images.fetch(finished(images, ticket)).data


def test_what_is_no_picture_is_refused(images, emulator):
    ready = finished(images, images.submit(ORDER))
    emulator.fault("dashscope", "fetch", "text", status=200, body="this is no picture")
    assert failure_of(lambda: images.fetch(ready)).code == "bad_picture"


def test_a_picture_over_the_limit_is_refused(config, emulator):
    images = registry.image_provider(with_limits(config, max_image_mb=1))
    ready = finished(images, images.submit(ORDER))
    emulator.fault("dashscope", "fetch", "endless")
    error = failure_of(lambda: images.fetch(ready))
    assert (type(error), error.code) == (Refused, "too_large")


def test_a_result_in_our_own_network_is_not_fetched(config, emulator):
    strict = dataclasses.replace(config, providers=dataclasses.replace(config.providers, allowed_hosts=()))
    images = registry.image_provider(strict)
    ready = finished(images, images.submit(ORDER))
    assert failure_of(lambda: images.fetch(ready)).code == "forbidden_address"
    assert failure_of(lambda: images.fetch(Ready("file:///etc/passwd"))).code == "forbidden_address"


def test_the_check_tells_a_good_key_from_a_wrong_one(config, emulator):
    assert "accepts the key" in registry.image_provider(config).check()
    wrong = registry.image_provider(with_settings(config, "aliyun", api_key="sk-wrong-0123456789"))
    error = failure_of(wrong.check)
    assert (type(error), error.code, error.alert) == (Refused, "InvalidApiKey", True)
    assert emulator.record().paid() == 0


def test_nothing_private_is_logged_or_told(images, emulator, listening):  # noqa: F811
    emulator.fault(
        "dashscope",
        "submit",
        "answer",
        status=400,
        body={"code": "DataInspectionFailed", "message": f"{ORDER.prompt} key {ALIYUN_KEY} https://a.b/c?Sig=1"},
    )
    error = failure_of(lambda: images.submit(ORDER))
    images.fetch(finished(images, images.submit(ORDER)))
    for text in (logged(listening), error.vendor_text, str(error)):
        assert "fox" not in text
        assert ALIYUN_KEY not in text
        assert "Sig=" not in text
        assert "Expires=" not in text


@pytest.mark.parametrize("code", ["", "Some.NewCode"])
def test_a_task_that_failed_for_an_unknown_reason_is_not_bought_again_unasked(images, emulator, code):
    emulator.fault("dashscope", "submit", "task-failed", code=code)
    error = failure_of(lambda: finished(images, images.submit(ORDER)))
    assert (type(error), error.code, error.ticket_dead) == (Refused, code or "FAILED", True)
