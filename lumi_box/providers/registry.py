"""Name in the config -> adapter. Adding a vendor is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from lumi_box.config import Config
from lumi_box.errors import NotConfigured
from lumi_box.providers.base import ImageProvider, ModelProvider

# Module and class as text: the web process knows the names without loading what paints and models.
IMAGES = {"builtin": "lumi_box.providers.images.builtin:BuiltinImages"}
MODELS3D = {"builtin": "lumi_box.providers.models3d.builtin:BuiltinModels"}


def image_provider(config: Config) -> ImageProvider:
    return cast(ImageProvider, _build(IMAGES, "providers.image", config.providers.image))


def model_provider(config: Config) -> ModelProvider:
    return cast(ModelProvider, _build(MODELS3D, "providers.model3d", config.providers.model3d))


def check(config: Config) -> list[str]:
    """One line for each provider that the config names and this version does not have."""
    wanted = (
        (IMAGES, "providers.image", config.providers.image),
        (MODELS3D, "providers.model3d", config.providers.model3d),
    )
    return [_missing(known, key, name) for known, key, name in wanted if name not in known]


def _build(known: dict[str, str], key: str, name: str) -> object:
    if name not in known:
        raise NotConfigured(_missing(known, key, name))
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)()


def _missing(known: dict[str, str], key: str, name: str) -> str:
    return f"{key}: {name} is not in this version yet; it has {', '.join(sorted(known))}"
