"""What DashScope accepts: keys, models, sizes, counts, lengths."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import Any

from emulators.wire import JSON, Request

QWEN_SIZES = ("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")
QWEN_ASYNC = ("qwen-image", "qwen-image-plus")
QWEN_SYNC = (*QWEN_ASYNC, "qwen-image-max", "qwen-image-2.0", "qwen-image-2.0-pro")
WAN = re.compile(r"wan2\.[12]-t2i-(plus|flash|turbo)|wanx2\.[01]-t2i-(plus|turbo)|wanx-v1")
WAN25 = re.compile(r"wan2\.5-t2i-preview")
MAX_SEED = 2_147_483_647


class Problem(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order that was read. `problem`: what is wrong with its size or count, where the vendor's documentation
    does not settle whether the submit is refused or the task fails."""

    model: str
    prompt: str
    width: int
    height: int
    count: int
    seed: int
    problem: Problem | None


def check_key(bearer: str | None, key: str) -> None:
    if bearer is None:
        raise Problem(401, "InvalidApiKey", "No API-key provided.")
    if not secrets.compare_digest(bearer.encode(), key.encode()):
        raise Problem(401, "InvalidApiKey", "Invalid API-key provided.")


def read_async(request: Request) -> Wanted:
    body = _body(request)
    model = _model(body, lambda name: name in QWEN_ASYNC or _is_wan(name))
    fields = _mapping(body, "input")
    return _wanted(model, _text(fields.get("prompt"), "input.prompt"), fields.get("negative_prompt"), body)


def read_sync(request: Request) -> Wanted:
    body = _body(request)
    model = _model(body, lambda name: name in QWEN_SYNC)
    messages = _mapping(body, "input").get("messages")
    try:
        if not isinstance(messages, list) or len(messages) != 1 or messages[0]["role"] != "user":
            raise _invalid("input.messages must hold exactly one user message")
        content = messages[0]["content"]
        if not isinstance(content, list) or len(content) != 1:
            raise _invalid("content must hold exactly one text")
        prompt = _text(content[0].get("text"), "text")
    except (KeyError, AttributeError, TypeError):
        raise _invalid("input.messages is malformed") from None
    settings = body.get("parameters")
    return _wanted(model, prompt, settings.get("negative_prompt") if isinstance(settings, dict) else None, body)


def _body(request: Request) -> dict[str, Any]:
    if request.media_type != JSON:
        raise _invalid("Content-Type must be application/json")
    try:
        return request.object()
    except (json.JSONDecodeError, UnicodeDecodeError, ValueError):
        raise _invalid("the request body is not valid JSON") from None


def _wanted(model: str, prompt: str, negative: object, body: dict[str, Any]) -> Wanted:
    settings = body.get("parameters") or {}
    if not isinstance(settings, dict):
        raise _invalid("parameters must be an object")
    if negative is not None and not isinstance(negative, str):
        raise _invalid("negative_prompt must be a string")
    for name in ("prompt_extend", "watermark"):
        if not isinstance(settings.get(name, False), bool):
            raise _invalid(f"{name} must be a boolean")
    seed = settings.get("seed", secrets.randbelow(MAX_SEED))
    if not _whole(seed) or not 0 <= seed <= MAX_SEED:
        raise _invalid("seed must be an integer within [0, 2147483647]")
    width, height, wrong_size = _size(model, settings.get("size"))
    count, wrong_count = _count(model, settings.get("n"))
    return Wanted(model, prompt[: _prompt_limit(model)], width, height, count, seed, wrong_size or wrong_count)


def _prompt_limit(model: str) -> int:
    return 2000 if WAN25.fullmatch(model) else 800


def _size(model: str, size: object) -> tuple[int, int, Problem | None]:
    qwen, newest = not _is_wan(model), bool(WAN25.fullmatch(model))
    text = (QWEN_SIZES[0] if qwen else "1280*1280" if newest else "1024*1024") if size is None else str(size)
    match = re.fullmatch(r"(\d{1,5})\*(\d{1,5})", text)
    if match is None:
        return 64, 64, Problem(400, "InvalidParameter", "size must be given as width*height")
    width, height = int(match[1]), int(match[2])
    if qwen:
        fits = text in QWEN_SIZES
    elif newest:
        fits = 768**2 <= width * height <= 1440**2 and 0.25 <= width / height <= 4
    else:
        fits = 512 <= width <= 1440 and 512 <= height <= 1440
    return (width, height, None) if fits else (64, 64, Problem(400, "InvalidParameter", f"size {text} is not allowed"))


def _count(model: str, wanted: object) -> tuple[int, Problem | None]:
    """A wan model paints four pictures, and charges for them, when nobody says how many."""
    qwen = not _is_wan(model)
    if wanted is None:
        return (1 if qwen else 4), None
    top = 1 if qwen else 4
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= top:
        return 1, Problem(400, "InvalidParameter", f"n must be within [1, {top}]")
    return wanted, None


def _is_wan(model: str) -> bool:
    return bool(WAN.fullmatch(model) or WAN25.fullmatch(model))


def _model(body: dict[str, Any], known: Any) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise _invalid("model is required")
    if not known(model):
        raise Problem(404, "ModelNotFound", f"The model {model} can not be found.")
    return model


def _mapping(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise _invalid(f"{name} is required and must be an object")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _invalid(f"{name} is required and must not be empty")
    return value


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _invalid(message: str) -> Problem:
    return Problem(400, "InvalidParameter", message)
