"""The wired parts, handed down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from lumi_box.clock import now_ms
from lumi_box.config import Config
from lumi_box.providers import registry
from lumi_box.providers.base import ImageProvider, ModelProvider, PromptWriter
from lumi_box.storage.base import Storage


@dataclass
class Box:
    """`enqueue(job_id, delay_seconds)` writes a wake-up in the caller's transaction."""

    config: Config
    storage: Storage
    enqueue: Callable[[str, float], None]
    started_at: int = field(default_factory=now_ms)  # of the whole process tree: it is made before the roles fork

    @cached_property
    def image_provider(self) -> ImageProvider:
        return registry.image_provider(self.config)

    @cached_property
    def model_provider(self) -> ModelProvider:
        return registry.model_provider(self.config)

    @cached_property
    def prompt_writer(self) -> PromptWriter | None:
        return registry.prompt_writer(self.config)

    def metered(self, kind: str) -> bool:
        """Whether an order of the kind may cost money: the built-in providers' do not."""
        provider = self.image_provider if kind == "image" else self.model_provider
        return provider.metered

    def provider_name(self, kind: str) -> str:
        """As the config names it."""
        providers = self.config.providers
        return providers.image if kind == "image" else providers.model3d

    def concurrency(self, kind: str) -> int:
        """Jobs of the kind in flight at once, over all nodes."""
        queue = self.config.queue
        return queue.image_concurrency if kind == "image" else queue.model_concurrency
