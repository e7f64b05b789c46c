"""SiliconFlow has no SDK of its own; its documentation sends users to the OpenAI client."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests
from openai import OpenAI
from PIL import Image

from emulators.emulator import SILICONFLOW_KEY, Emulator

MODEL = "Qwen/Qwen-Image"


@pytest.fixture
def sdk(emulator: Emulator) -> Iterator[OpenAI]:
    with OpenAI(api_key=SILICONFLOW_KEY, base_url=emulator.siliconflow_endpoint, max_retries=0, timeout=10) as made:
        yield made


def paint(sdk: OpenAI, model: str = MODEL, prompt: str = "a clay fox", **extra: Any) -> Any:
    return sdk.images.generate(model=model, prompt=prompt, extra_body={"image_size": "1328x1328"} | extra)


def test_a_picture_is_painted_and_fetched(emulator: Emulator, sdk: OpenAI) -> None:
    answer = paint(sdk, seed=42)
    assert answer.seed == 42
    assert answer.images == [{"url": answer.data[0].url}]
    assert "%2F" in answer.data[0].url
    picture = requests.get(answer.data[0].url, timeout=5).content
    assert Image.open(io.BytesIO(picture)).size == (1328, 1328)
    assert emulator.record().paid("siliconflow") == 1


def test_another_seed_is_another_picture_and_the_same_seed_the_same(sdk: OpenAI) -> None:
    urls = [paint(sdk, seed=seed).data[0].url for seed in (1, 2, 1)]
    first, second, third = (requests.get(url, timeout=5).content for url in urls)
    assert first == third != second


def test_kolors_paints_several(emulator: Emulator, sdk: OpenAI) -> None:
    answer = paint(sdk, "Kwai-Kolors/Kolors", image_size="768x1024", batch_size=3)
    assert len({requests.get(one.url, timeout=5).content for one in answer.data}) == 3
    assert emulator.record().paid() == 3


def test_a_decoded_key_is_not_the_same_address(sdk: OpenAI) -> None:
    url = paint(sdk).data[0].url
    assert requests.get(url.replace("%2F", "/"), timeout=5).status_code == 404


def test_the_trace_id_is_in_the_head(sdk: OpenAI) -> None:
    raw = sdk.images.with_raw_response.generate(model=MODEL, prompt="a fox", extra_body={"image_size": "1328x1328"})
    assert raw.headers["x-siliconcloud-trace-id"].startswith("ti_")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"model": "Qwen/Nothing"}, 20012),
        ({"prompt": " "}, 20015),
        ({"image_size": "1024x1024"}, 20015),
        ({"image_size": "1328*1328"}, 20015),
        ({"num_inference_steps": 101}, 20015),
        ({"cfg": 0.05}, 20015),
        ({"model": "Qwen/Qwen-Image-Edit"}, 20015),
    ],
)
def test_what_the_vendor_refuses(emulator: Emulator, sdk: OpenAI, options: dict[str, Any], code: int) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        paint(sdk, **options)
    assert caught.value.code == code or caught.value.body["code"] == code  # type: ignore[index]
    assert emulator.record().accepted() == []


def test_a_wrong_key_is_answered_with_a_bare_string(emulator: Emulator) -> None:
    with (
        OpenAI(api_key="sk-wrong", base_url=emulator.siliconflow_endpoint, max_retries=0) as wrong,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        paint(wrong)
    assert caught.value.body == "Invalid token"


@pytest.mark.parametrize(
    ("name", "error", "status"),
    [
        ("balance-403", openai.PermissionDeniedError, 403),
        ("balance-402", openai.APIStatusError, 402),
        ("IPM", openai.RateLimitError, 429),
        ("50505", openai.InternalServerError, 503),
        ("504-html", openai.InternalServerError, 504),
        ("not-found", openai.NotFoundError, 404),
    ],
)
def test_the_documented_errors_reach_the_client(
    emulator: Emulator, sdk: OpenAI, name: str, error: type[openai.APIStatusError], status: int
) -> None:
    emulator.fault("siliconflow", "submit", name)
    with pytest.raises(error) as caught:
        paint(sdk)
    assert caught.value.status_code == status
    assert emulator.record().paid() == 0


def test_pictures_per_minute_are_counted_one_by_one(emulator: Emulator, sdk: OpenAI) -> None:
    emulator.settings("siliconflow", images_per_minute=4, duration=0)
    paint(sdk, "Kwai-Kolors/Kolors", image_size="1024x1024", batch_size=3)
    with pytest.raises(openai.RateLimitError, match="IPM limit reached"):
        paint(sdk, "Kwai-Kolors/Kolors", image_size="1024x1024", batch_size=2)
    paint(sdk)


def test_the_client_buys_twice_unless_it_is_told_not_to(emulator: Emulator) -> None:
    emulator.fault("siliconflow", "submit", "gateway-504")
    with OpenAI(api_key=SILICONFLOW_KEY, base_url=emulator.siliconflow_endpoint, timeout=10) as eager:
        paint(eager, seed=7)
    assert len(emulator.record().bought_twice()) == 1
