"""What a change of each config key changes in the running program: one entry a key.

An entry names two values or more, and what is seen with each; its probe builds what `serve` builds from that config
(the box, the application, the scheduler, an adapter) and looks at what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.effects.world import World

    from lumi_box.config import Config

Probe = Callable[["World", "Config"], Any]


@dataclass(frozen=True)
class Effect:
    """`sees`: value and what is then seen; `given`: the other keys that it takes. `{url}` stands for the recorder's."""

    probe: Probe
    sees: Sequence[tuple[Any, Any]]
    given: Mapping[str, Any]


EFFECTS: dict[str, Effect] = {}


def effect(key: str, *sees: tuple[Any, Any], given: Mapping[str, Any] | None = None) -> Callable[[Probe], Probe]:
    """Several may stand above one probe."""

    def note(probe: Probe) -> Probe:
        assert key not in EFFECTS, key
        EFFECTS[key] = Effect(probe, sees, given or {})
        return probe

    return note
