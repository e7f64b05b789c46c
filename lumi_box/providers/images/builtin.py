"""Pictures without AI and without a network: openly licensed symbols, looked up by the prompt's words and painted."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lumi_box.errors import Refused
from lumi_box.providers.base import Picture, Ready

if TYPE_CHECKING:
    from lumi_box.config import Config
    from lumi_box.providers.base import ImageOrder, Pending, Ticket


def build(config: Config) -> BuiltinImages:
    return BuiltinImages()


class BuiltinImages:
    """Answers `submit` at once and paints when the result is fetched, about a second of one core."""

    name = "builtin"
    metered = False

    def submit(self, order: ImageOrder) -> Ready:
        return Ready(json.dumps({"prompt": order.prompt, "position": order.position, "seed": order.seed}))

    def poll(self, ticket: Ticket) -> Pending | Ready:
        raise Refused("The built-in painter has no such work under way", vendor_text=f"ticket {ticket.id}")

    def fetch(self, ready: Ready) -> Picture:
        from lumi_box.providers.builtin.paint import paint  # numpy and its kin, in workers only

        order = json.loads(ready.reference)
        painting = paint(order["prompt"], order["position"], order["seed"])
        return Picture(painting.png, "image/png", painting.hints)

    def prepare(self) -> None:
        from lumi_box.providers.builtin.paint import paint

        paint("", 0, 0)  # loads the symbols and the lexicon, too

    def check(self) -> str:
        missing = [name for name in ("resvg_py", "skimage") if find_spec(name) is None]
        if missing:
            raise Refused("The built-in library is not complete.", vendor_text=f"missing: {', '.join(missing)}")
        return "The built-in symbol library is on this machine."
