"""The two chat services: Qwen on DashScope's compatible path, and SiliconFlow."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from emulators import chat
from emulators.error_rows import QWEN as QWEN_ERROR_ROWS
from emulators.faults import Fault
from emulators.journal import digest
from emulators.siliconflow import Refusal, check_bearer, coded
from emulators.wire import JSON, Reply, Request, json_answer, new_id

__all__ = ["QWEN_ERROR_ROWS", "ChatSettings", "QwenChat", "SiliconFlowChat"]

QWEN_MODELS = ("qwen-plus", "qwen-turbo", "qwen-flash", "qwen-max", "qwen3-8b", "qwen3-32b", "qwen3-max")
SILICON_MODELS = ("Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen3-8B", "deepseek-ai/DeepSeek-V3")
ROLES = ("system", "user", "assistant")
JSON_WORD = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."


@dataclass(slots=True)
class ChatSettings:
    duration: float = 0.05


class _Chat:
    """What both have in common; they differ in their checks and in the shape of their errors."""

    name = ""
    path = ""

    def __init__(self, key: str) -> None:
        self.settings = ChatSettings()
        self._key = key

    def operation(self, request: Request) -> str | None:
        return "chat" if request.path == self.path and request.method == "POST" else None

    def identify(self, request: Request) -> dict[str, str]:
        try:
            prompt = str(request.object()["messages"][-1]["content"])
        except (ValueError, KeyError, IndexError, TypeError):
            return {}
        return {"order": digest(prompt), "prompt": digest(prompt)}

    def answer(self, operation: str, request: Request, fault: Fault | None) -> Reply:
        notes: dict[str, Any] = dict(self.identify(request))
        try:
            body = self.check(request)
            answer = chat.completion(body, chat.compose(body, fault.script if fault else ""))
            answer.delay = self.settings.duration
        except Refusal as refusal:
            return Reply(json_answer(refusal.body, refusal.status), notes | {"code": str(refusal.code)})
        return Reply(answer, notes | {"accepted": True})

    def check(self, request: Request) -> dict[str, Any]:
        raise NotImplementedError


class QwenChat(_Chat):
    name = "qwen"
    path = "/compatible-mode/v1/chat/completions"

    def check(self, request: Request) -> dict[str, Any]:
        if request.bearer is None or not secrets.compare_digest(request.bearer.encode(), self._key.encode()):
            raise _error(401, "invalid_api_key", "Incorrect API key provided.")
        body = _body(request, lambda message: _error(400, "invalid_parameter_error", message))
        if body.get("model") not in QWEN_MODELS:
            raise _error(404, "model_not_found", f"The model `{body.get('model')}` does not exist.")
        if (body.get("response_format") or {}).get("type") == "json_object":
            if not chat.mentions_json(body):
                raise _error(400, "invalid_parameter_error", JSON_WORD)
            if body.get("enable_thinking"):
                raise _error(400, "invalid_parameter_error", "Json mode response is not supported in thinking mode.")
        return body


class SiliconFlowChat(_Chat):
    name = "siliconflow"
    path = "/v1/chat/completions"

    def check(self, request: Request) -> dict[str, Any]:
        check_bearer(request, self._key)
        body = _body(request, lambda message: coded(400, 20015, f"The parameter is invalid: {message}"))
        if body.get("model") not in SILICON_MODELS:
            raise coded(400, 20012, "Model does not exist. Please check it carefully.")
        return body


def _body(request: Request, wrong: Any) -> dict[str, Any]:
    if request.media_type != JSON:
        raise wrong("the content type")
    try:
        body = request.object()
    except ValueError:
        raise wrong("the body is not JSON") from None
    for name in ("response_format", "stream_options"):
        if not isinstance(body.get(name) or {}, dict):
            raise wrong(name)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise wrong("messages must not be empty")
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES or not message.get("content"):
            raise wrong("messages need a role and a content")
    temperature = body.get("temperature", 1)
    if not isinstance(temperature, int | float) or not 0 <= temperature < 2:
        raise wrong("temperature")
    if not isinstance(body.get("max_tokens", 1), int) or body.get("max_tokens", 1) < 1:
        raise wrong("max_tokens")
    return body


def _error(status: int, code: str, message: str) -> Refusal:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Refusal(status, {"error": error, "request_id": new_id()}, code)
