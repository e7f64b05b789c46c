"""Prompt variants by a chat model of SiliconFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lumi_box.providers import siliconflow
from lumi_box.providers.prompts.chat import ChatWriter
from lumi_box.providers.siliconflow import CHAT_ERRORS

if TYPE_CHECKING:
    from lumi_box.config import Config


def build(config: Config) -> ChatWriter:
    settings = config.providers.siliconflow
    client = siliconflow.client(settings, name="text service")
    return ChatWriter(
        "siliconflow",
        client,
        str(settings.llm_model),
        key=settings.api_key,
        errors=CHAT_ERRORS,
        told=siliconflow.read_error,
    )
