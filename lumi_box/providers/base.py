"""The one seam to whoever paints and models: submit, poll, fetch. Nothing behind it waits or sleeps.

`submit` hands the order over and answers at once: a `Ticket` when the vendor works on it, `Ready` when the
result is there. `poll` asks how a ticket stands. `fetch` brings a ready result home. Each may raise
`Unavailable` (may pass) or `Refused` (will not), and nothing else on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:  # the web process reads this module and must not load numpy
    from lumi_box.meshes.mesh import TexturedMesh


@dataclass(frozen=True, slots=True)
class ImageOrder:
    """One picture to paint: `position` 0 to 3 among its request's four, `seed` new for each repainting."""

    prompt: str
    position: int
    seed: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A painted picture, encoded as `media_type`. `hints` are what its painter knows of its shape (may be empty)."""

    data: bytes
    media_type: str
    hints: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """One model to build from a picture that we hold."""

    picture: Picture
    prompt: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """The vendor's id of the work; whoever holds it can ask again after a crash without paying again."""

    id: str


@dataclass(frozen=True, slots=True)
class Pending:
    """Not yet: `progress` in percent where the vendor tells."""

    progress: int | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Done: `reference` is what `fetch` needs (an address, an inline result), meaningful to the same adapter only."""

    reference: str


@runtime_checkable
class Prepares(Protocol):
    """A provider that works on this machine, and would make the first order wait for what it has to load."""

    def prepare(self) -> None: ...


@runtime_checkable
class Cancels(Protocol):
    """A vendor that can be told to stop."""

    name: str

    def cancel(self, ticket: Ticket) -> bool:
        """Whether it stopped in time, so that nothing is charged. Raises as `poll` does."""


class PromptWriter(Protocol):
    """An LLM that turns a maker's prompt into four variants for the painter."""

    name: str

    def write(self, prompt: str) -> list[str]:
        """Exactly four, each of 1 to 500 characters, in the prompt's language. Raises Unavailable, Refused."""

    def check(self) -> str: ...


class ImageProvider(Protocol):
    name: str
    metered: bool  # whether a submit may cost money

    def submit(self, order: ImageOrder) -> Ticket | Ready: ...

    def poll(self, ticket: Ticket) -> Pending | Ready: ...

    def fetch(self, ready: Ready) -> Picture: ...

    def check(self) -> str:
        """What was found where the vendor can be asked without cost: reachable, key accepted. Raises as `poll` does."""


class ModelProvider(Protocol):
    name: str
    metered: bool  # whether a submit may cost money

    def submit(self, order: ModelOrder) -> Ticket | Ready: ...

    def poll(self, ticket: Ticket) -> Pending | Ready: ...

    def fetch(self, ready: Ready, order: ModelOrder, workdir: Path) -> TexturedMesh: ...

    def check(self) -> str: ...
