"""The official OpenAI client against both chat services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from emulators.emulator import ALIYUN_KEY, SILICONFLOW_KEY, Emulator
from emulators.faults import CHAT_SCRIPTS

SYSTEM = 'Write 4 variants of the user\'s idea. Answer in JSON: {"variants": ["…", "…", "…", "…"]}'
JSON_MODE: Any = {"type": "json_object"}


@pytest.fixture
def qwen(emulator: Emulator) -> Iterator[OpenAI]:
    with OpenAI(api_key=ALIYUN_KEY, base_url=emulator.qwen_endpoint, max_retries=0, timeout=10) as made:
        yield made


@pytest.fixture
def silicon(emulator: Emulator) -> Iterator[OpenAI]:
    with OpenAI(api_key=SILICONFLOW_KEY, base_url=emulator.siliconflow_endpoint, max_retries=0, timeout=10) as made:
        yield made


def ask(sdk: OpenAI, model: str = "qwen-plus", system: str = SYSTEM, **options: Any) -> Any:
    messages: Any = [{"role": "system", "content": system}, {"role": "user", "content": "a small dragon"}]
    return sdk.chat.completions.create(
        model=model, messages=messages, **({"response_format": JSON_MODE, "max_tokens": 1500} | options)
    )


def test_qwen_writes_the_variants_that_were_asked_for(emulator: Emulator, qwen: OpenAI) -> None:
    answer = ask(qwen)
    variants = json.loads(answer.choices[0].message.content)["variants"]
    assert len(set(variants)) == 4
    assert all("a small dragon" in variant for variant in variants)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert emulator.record().of("qwen", "chat")[0].accepted


def test_siliconflow_writes_them_too(silicon: OpenAI) -> None:
    answer = ask(silicon, "Qwen/Qwen3-8B")
    assert len(json.loads(answer.choices[0].message.content)["variants"]) == 4


def test_without_json_mode_the_json_is_fenced(silicon: OpenAI) -> None:
    content = ask(silicon, "Qwen/Qwen3-8B", response_format=openai.NOT_GIVEN).choices[0].message.content
    assert content.startswith("```json\n")


def test_a_low_limit_cuts_the_answer(qwen: OpenAI) -> None:
    choice = ask(qwen, max_tokens=10).choices[0]
    assert choice.finish_reason == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice.message.content)


def test_the_stream_says_the_same(qwen: OpenAI) -> None:
    whole = ask(qwen).choices[0].message.content
    chunks = list(ask(qwen, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    assert chunks[-1].usage.total_tokens > 0


def test_json_mode_wants_the_word_json(qwen: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="must contain the word 'json'") as caught:
        ask(qwen, system="Write four variants.")
    assert caught.value.code == "invalid_parameter_error"


def test_json_mode_and_thinking_do_not_combine(qwen: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        ask(qwen, extra_body={"enable_thinking": True})


def test_a_wrong_key_and_a_wrong_model(emulator: Emulator, qwen: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        ask(qwen, "qwen-minus")
    assert caught.value.code == "model_not_found"
    with OpenAI(api_key="sk-wrong", base_url=emulator.qwen_endpoint, max_retries=0) as wrong:
        with pytest.raises(openai.AuthenticationError) as refused:
            ask(wrong)
        assert refused.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("data_inspection_failed", openai.BadRequestError),
        ("Arrearage", openai.BadRequestError),
        ("limit_requests", openai.RateLimitError),
        ("insufficient_quota", openai.RateLimitError),
        ("internal_error", openai.InternalServerError),
    ],
)
def test_the_documented_errors_reach_the_client(
    emulator: Emulator, qwen: OpenAI, name: str, error: type[openai.APIStatusError]
) -> None:
    emulator.fault("qwen", "chat", name)
    with pytest.raises(error) as caught:
        ask(qwen)
    assert caught.value.code == name


def test_the_client_honours_retry_after(emulator: Emulator) -> None:
    emulator.fault("qwen", "chat", "limit_requests", retry_after=1)
    with OpenAI(api_key=ALIYUN_KEY, base_url=emulator.qwen_endpoint, max_retries=1) as patient:
        ask(patient)
    first, second = emulator.record().of("qwen")
    assert second.at - first.at >= 0.9


@pytest.mark.parametrize("script", CHAT_SCRIPTS)
def test_a_misbehaving_model(emulator: Emulator, qwen: OpenAI, script: str) -> None:
    well_behaved = ask(qwen).choices[0].message.content
    emulator.fault("qwen", "chat", script)
    odd = ask(qwen).choices[0]
    assert odd.message.content != well_behaved or odd.message.model_extra
    assert odd.finish_reason == ("length" if script == "cut-off" else "stop")
    assert ask(qwen).choices[0].message.content == well_behaved
