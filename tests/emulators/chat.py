"""Chat completions of the OpenAI shape: what a well-behaved model answers, and how models misbehave."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from emulators.wire import Answer, json_answer, new_id

EXAMPLE = re.compile(r"\{\s*\"(\w+)\"\s*:\s*\[")
COUNT = re.compile(r"\b([2-9]|two|three|four|five|six)\b")
WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
LOOKS = ("seen from the front", "in a soft pastel glaze", "with a smooth round base", "carved with fine detail")


@dataclass(slots=True)
class Said:
    """What the model says. `finish` is its reason to stop."""

    content: str | None
    finish: str = "stop"
    reasoning: str = ""


def compose(body: dict[str, Any], script: str) -> Said:
    """The key and the count follow the example that the system message gives, as a good model does."""
    system = " ".join(str(one["content"]) for one in body["messages"] if one["role"] == "system")
    idea = str(body["messages"][-1]["content"])
    example, number = EXAMPLE.search(system), COUNT.search(system)
    key = example[1] if example else "variants"
    wanted = WORDS.get(number[1]) or int(number[1]) if number else 4
    variants = [f"{idea[:80]}, {LOOKS[index % 4]}" + (f" {index}" if index > 3 else "") for index in range(wanted)]
    if script:
        return SCRIPTS[script](key, variants)
    text = json.dumps({key: variants}, ensure_ascii=False)
    if (body.get("response_format") or {}).get("type") == "json_object":
        return Said(text)
    return Said(f"```json\n{text}\n```" if mentions_json(body) else "\n".join(variants))


def mentions_json(body: dict[str, Any]) -> bool:
    return any("json" in str(one["content"]).lower() for one in body["messages"])


def _plain(key: str, variants: list[Any]) -> str:
    return json.dumps({key: variants}, ensure_ascii=False)


SCRIPTS: dict[str, Callable[[str, list[str]], Said]] = {
    "fenced": lambda key, variants: Said(f"```json\n{_plain(key, variants)}\n```"),
    "prose-around": lambda key, variants: Said(
        f"Sure! Here are the variants {{as you asked}}:\n\n{_plain(key, variants)}\n\nLet me know."
    ),
    "three": lambda key, variants: Said(_plain(key, variants[:3])),
    "five": lambda key, variants: Said(_plain(key, [*variants, "one more than was asked for"])),
    "empty-strings": lambda key, variants: Said(_plain(key, ["", "  ", *variants[2:]])),
    "long": lambda key, variants: Said(_plain(key, [(text + " very detailed" * 60)[:600] for text in variants])),
    "cut-off": lambda key, variants: Said(_plain(key, variants)[: len(_plain(key, variants)) * 2 // 3], "length"),
    "refusal": lambda key, variants: Said("I'm sorry, but I cannot help with that request."),
    "empty-content": lambda key, variants: Said(""),
    "null-content": lambda key, variants: Said(None),
    "not-strings": lambda key, variants: Said(_plain(key, [{"text": variants[0]}, 2, None, variants[3]])),
    "other-key": lambda key, variants: Said(_plain("prompts", variants)),
    "bare-list": lambda key, variants: Said(json.dumps(variants, ensure_ascii=False)),
    "duplicates": lambda key, variants: Said(_plain(key, [variants[0]] * len(variants))),
    "with-reasoning": lambda key, variants: Said(_plain(key, variants), reasoning="The user wants variants."),
}


def completion(body: dict[str, Any], said: Said) -> Answer:
    """The whole answer, or its stream when the request asks for one."""
    said = _within(said, body.get("max_tokens"))
    spent = {"prompt_tokens": 58, "completion_tokens": len(said.content or "") // 3}
    usage = spent | {"total_tokens": sum(spent.values())}
    head = {"id": f"chatcmpl-{new_id()}", "created": int(time.time()), "model": body["model"]}
    if body.get("stream"):
        wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return Answer(200, _events(head, said, usage if wants_usage else None), "text/event-stream;charset=UTF-8")
    message: dict[str, Any] = {"role": "assistant", "content": said.content}
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    choice = {"index": 0, "finish_reason": said.finish, "message": message, "logprobs": None}
    return json_answer(head | {"object": "chat.completion", "choices": [choice], "usage": usage})


def _within(said: Said, limit: int | None) -> Said:
    """About three characters a token; what does not fit is cut off."""
    if limit is None or said.content is None or len(said.content) <= limit * 3:
        return said
    return Said(said.content[: limit * 3], "length", said.reasoning)


def _events(head: dict[str, Any], said: Said, usage: dict[str, int] | None) -> Generator[bytes]:
    head = head | {"object": "chat.completion.chunk"}
    text = said.content or ""
    pieces: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    pieces += [{"content": text[start : start + 16]} for start in range(0, len(text), 16)]
    for piece in pieces:
        yield _event(head | {"choices": [{"index": 0, "delta": piece, "finish_reason": None}]})
    yield _event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": said.finish}]})
    if usage is not None:
        yield _event(head | {"choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _event(body: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
