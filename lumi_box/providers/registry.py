"""Name in the config -> adapter. Adding a vendor is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lumi_box.config import Config
from lumi_box.errors import NotConfigured
from lumi_box.metrics import calls
from lumi_box.providers.base import ImageProvider, ModelProvider, PromptWriter

# Modules as text: the web process knows the names without loading what paints and models.
# Each has `build(config)`, which answers its adapter.
IMAGES = {
    "aliyun": "lumi_box.providers.images.aliyun",
    "siliconflow": "lumi_box.providers.images.siliconflow",
    "builtin": "lumi_box.providers.images.builtin",
}
MODELS3D = {
    "tencent": "lumi_box.providers.models3d.tencent",
    "builtin": "lumi_box.providers.models3d.builtin",
}
PROMPTS = {
    "qwen": "lumi_box.providers.prompts.qwen",
    "siliconflow": "lumi_box.providers.prompts.siliconflow",
}


def prompt_writer(config: Config) -> PromptWriter | None:
    """The LLM that writes variants; None where none is configured."""
    if config.providers.prompt == "none":
        return None
    writer: PromptWriter = _build(PROMPTS, "providers.prompt", config.providers.prompt, config)
    return writer


def image_provider(config: Config) -> ImageProvider:
    provider: ImageProvider = _build(IMAGES, "providers.image", config.providers.image, config)
    return provider


def model_provider(config: Config) -> ModelProvider:
    provider: ModelProvider = _build(MODELS3D, "providers.model3d", config.providers.model3d, config)
    return provider


def missing(config: Config) -> list[str]:
    """One line for each provider that the config names and this version does not have."""
    named = config.providers
    wanted = [(IMAGES, "providers.image", named.image), (MODELS3D, "providers.model3d", named.model3d)]
    wanted += [(PROMPTS, "providers.prompt", named.prompt)] if named.prompt != "none" else []
    return [_missing(known, key, name) for known, key, name in wanted if name not in known]


def _build(known: dict[str, str], key: str, name: str, config: Config) -> Any:
    if name not in known:
        raise NotConfigured(_missing(known, key, name))
    return calls.counted(import_module(known[name]).build(config))


def _missing(known: dict[str, str], key: str, name: str) -> str:
    return f"{key}: {name} is not in this version yet; it has {', '.join(sorted(known))}"
