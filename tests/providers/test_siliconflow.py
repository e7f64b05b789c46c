"""Pictures by SiliconFlow, spoken to over HTTP."""

from __future__ import annotations

import io

import pytest
from cloud import agrees, failure_of, listening, load, logged, with_settings  # noqa: F401
from emulators.emulator import SILICONFLOW_KEY, Emulator
from emulators.error_rows import rows
from PIL import Image

from lumi_box.errors import AnswerLost, Busy, Refused, Unavailable
from lumi_box.providers import registry
from lumi_box.providers.base import ImageOrder, Ready, Ticket

ORDER = ImageOrder("a clay fox with a long striped scarf", 0, 7)
KOLORS = "Kwai-Kolors/Kolors"


@pytest.fixture(scope="module")
def server():
    with Emulator(limited=False) as emulator:
        emulator.settings("siliconflow", duration=0.0)
        yield emulator


@pytest.fixture
def emulator(server):
    yield server
    server.clear()


@pytest.fixture
def config(tmp_path, emulator):
    return load(tmp_path, emulator, image="siliconflow")


@pytest.fixture
def images(config):
    return registry.image_provider(config)


@pytest.fixture
def bodies(emulator, monkeypatch):
    found = []
    identify = emulator.siliconflow.identify
    monkeypatch.setattr(
        emulator.siliconflow, "identify", lambda request: found.append(request.object()) or identify(request)
    )
    return found


def test_one_call_paints_and_the_picture_is_brought_home(images, emulator):
    ready = images.submit(ORDER)
    assert isinstance(ready, Ready)
    with Image.open(io.BytesIO(images.fetch(ready).data)) as painted:
        assert (painted.format, painted.size) == ("PNG", (1328, 1328))
    record = emulator.record()
    assert (record.paid(), record.leaks()) == (1, [])


def test_qwen_image_is_told_what_not_to_paint(images, bodies):
    images.submit(ORDER)
    assert bodies[0]["negative_prompt"]
    assert bodies[0]["cfg"] > 1
    assert "batch_size" not in bodies[0]


def test_kolors_paints_and_charges_one(config, emulator, bodies):
    images = registry.image_provider(with_settings(config, "siliconflow", image_model=KOLORS))
    images.submit(ORDER)
    assert (bodies[0]["batch_size"], bodies[0]["image_size"]) == (1, "1024x1024")
    assert emulator.record().paid() == 1


def test_the_default_size_becomes_one_that_the_model_paints(config, bodies, listening):  # noqa: F811
    images = registry.image_provider(with_settings(config, "siliconflow", size="1024x1024"))
    assert "1328x1328" in logged(listening)
    images.submit(ORDER)
    assert bodies[0]["image_size"] == "1328x1328"


def test_a_model_that_we_do_not_know_is_asked_for_as_configured(config, bodies):
    settings = {"image_model": "Somebody/New-Painter", "size": "640x512"}
    images = registry.image_provider(with_settings(config, "siliconflow", **settings))
    assert failure_of(lambda: images.submit(ORDER)).code == "20012"
    assert set(bodies[0]) == {"model", "prompt", "image_size", "seed"}
    assert bodies[0]["image_size"] == "640x512"


def test_four_positions_have_four_seeds_and_a_repeat_has_the_same(images, bodies):
    for position in (0, 1, 2, 3, 0):
        images.submit(ImageOrder(ORDER.prompt, position, ORDER.seed))
    seeds = [body["seed"] for body in bodies]
    assert len(set(seeds[:4])) == 4
    assert seeds[4] == seeds[0]


@pytest.mark.parametrize("row", rows("siliconflow", "submit"), ids=str)
def test_errors_of_a_submit(images, emulator, row):
    emulator.fault("siliconflow", "submit", row.name)
    error = failure_of(lambda: images.submit(ORDER))
    agrees(error, row)
    assert not error.ticket_dead


def test_the_trace_id_is_kept_for_the_support(images, emulator):
    emulator.fault(
        "siliconflow",
        "submit",
        "answer",
        status=500,
        body={"code": 50507, "message": "no"},
        headers={"x-siliconcloud-trace-id": "ti_1a2b3c"},
    )
    assert failure_of(lambda: images.submit(ORDER)).request_id == "ti_1a2b3c"


@pytest.mark.parametrize("body", [{}, {"images": []}, {"images": [None]}, {"images": [{"url": ""}]}, [], "x", None])
def test_a_good_answer_without_an_address_is_doubtful(images, emulator, body):
    emulator.fault("siliconflow", "submit", "answer", status=200, body=body)
    assert isinstance(failure_of(lambda: images.submit(ORDER)), AnswerLost)


@pytest.mark.parametrize(
    "name", ["reset-after", "cut-short", "truncated-json", "empty-body", "not-json", "gateway-502", "gateway-504"]
)
def test_a_submit_whose_answer_is_lost_is_doubtful(images, emulator, name):
    emulator.fault("siliconflow", "submit", name)
    assert isinstance(failure_of(lambda: images.submit(ORDER)), AnswerLost)


def test_an_address_that_expired_cannot_be_asked_for_again(images, emulator):
    ready = images.submit(ORDER)
    emulator.fault("siliconflow", "fetch", "answer", status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    error = failure_of(lambda: images.fetch(ready))
    assert (type(error), error.code, error.ticket_dead) == (Unavailable, "result_expired", True)


def test_a_fetch_that_broke_off_is_tried_again_from_the_same_address(images, emulator):
    ready = images.submit(ORDER)
    emulator.fault("siliconflow", "fetch", "cut-short")
    error = failure_of(lambda: images.fetch(ready))
    assert (type(error), error.ticket_dead) == (Unavailable, False)
    assert images.fetch(ready).data


def test_a_ticket_of_another_provider_is_dead(images):
    error = failure_of(lambda: images.poll(Ticket("0f6c7a4e")))
    assert (type(error), error.ticket_dead) == (Unavailable, True)


def test_the_minute_limit_of_the_lowest_level_postpones(images, emulator):
    emulator.settings("siliconflow", images_per_minute=0)
    try:
        error = failure_of(lambda: images.submit(ORDER))
    finally:
        emulator.settings("siliconflow", images_per_minute=None)
    assert isinstance(error, Busy)
    assert 0 < error.retry_after <= 60


def test_the_check_tells_a_good_key_from_a_wrong_one_and_buys_nothing(config, emulator):
    assert "accepts the key" in registry.image_provider(config).check()
    wrong = registry.image_provider(with_settings(config, "siliconflow", api_key="sk-wrong-0123456789"))
    error = failure_of(wrong.check)
    assert (type(error), error.alert) == (Refused, True)
    assert emulator.record().paid() == 0


def test_the_check_finds_a_model_that_does_not_exist(config):
    images = registry.image_provider(with_settings(config, "siliconflow", image_model="Nobody/Nothing"))
    error = failure_of(images.check)
    assert (error.code, error.alert) == ("20012", True)


def test_the_check_finds_an_endpoint_that_is_none(config, emulator):
    images = registry.image_provider(with_settings(config, "siliconflow", endpoint=f"{emulator.base}/elsewhere"))
    error = failure_of(images.check)
    assert (error.code, error.alert) == ("http_404", True)


def test_where_there_is_a_list_of_models_the_check_reads_it(images, emulator):
    body = {"object": "list", "data": [{"id": "Qwen/Qwen-Image"}, {"id": KOLORS}]}
    emulator.fault("siliconflow", "unknown-path", "answer", status=200, body=body)
    assert images.check() == "The service answers and accepts the key."
    body = {"object": "list", "data": [{"id": KOLORS}]}
    emulator.fault("siliconflow", "unknown-path", "answer", status=200, body=body)
    assert "no Qwen/Qwen-Image" in images.check()
    assert emulator.record().submits() == []


def test_nothing_private_is_logged_or_told(images, emulator, listening):  # noqa: F811
    message = f"The prompt contains sensitive content: {ORDER.prompt} {SILICONFLOW_KEY}"
    emulator.fault("siliconflow", "submit", "answer", status=400, body={"code": 20041, "message": message})
    error = failure_of(lambda: images.submit(ORDER))
    assert isinstance(error, Refused)
    images.fetch(images.submit(ORDER))
    for text in (logged(listening), error.vendor_text, str(error)):
        assert "fox" not in text
        assert SILICONFLOW_KEY not in text
        assert "X-Amz" not in text
