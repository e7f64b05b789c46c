"""Prompt variants by Qwen, through the OpenAI-compatible mode of Alibaba Cloud Model Studio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lumi_box.providers.http import Answer, Client
from lumi_box.providers.prompts.chat import ChatWriter
from lumi_box.providers.prompts.qwen_errors import ERRORS
from lumi_box.providers.vendor_errors import Told, told

if TYPE_CHECKING:
    from lumi_box.config import Config


def build(config: Config) -> ChatWriter:
    settings = config.providers.qwen
    client = Client(
        settings.endpoint,
        timeout_seconds=settings.timeout_seconds,
        headers={"Authorization": f"Bearer {settings.api_key}"},
        vendor="qwen",
        name="text service",
    )
    return ChatWriter("qwen", client, settings.model, key=settings.api_key, errors=ERRORS, told=read_error)


def read_error(answer: Answer) -> Told:
    """`{"error": {"code", "message"}}`; the native API's `{"code", "message"}` has been seen too."""
    body = answer.body if isinstance(answer.body, dict) else {}
    error = body["error"] if isinstance(body.get("error"), dict) else body
    return told(answer, error.get("code") or error.get("type"), error.get("message"))
