"""Models from a picture by inflating its silhouette, on this machine: no network and no model weights."""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lumi_box.errors import Refused
from lumi_box.providers.base import ModelOrder, Ready, Ticket

if TYPE_CHECKING:
    from lumi_box.config import Config
    from lumi_box.meshes.mesh import TexturedMesh

log = logging.getLogger(__name__)


def build(config: Config) -> BuiltinModels:
    return BuiltinModels()


class BuiltinModels:
    """There is nobody to wait for: an order is ready at once, and fetching it does the work."""

    name = "builtin"
    metered = False

    def submit(self, order: ModelOrder) -> Ready:
        return Ready(reference="")

    def poll(self, ticket: Ticket) -> Ready:
        """A ticket can only be left over from another provider that was configured before: build the model now."""
        return Ready(reference="")

    def fetch(self, ready: Ready, order: ModelOrder, workdir: Path) -> TexturedMesh:
        from lumi_box.providers.builtin.reconstruct import reconstruct  # numpy stays out of the web process

        result = reconstruct(order.picture.data, order.picture.hints)
        log.info(
            "built a %s from the picture: segmentation %s, confidence %.2f, %d regions, plate %s, margin %.1f mm",
            result.shape,
            result.segmentation,
            result.confidence,
            result.regions,
            result.on_plate,
            result.support_margin_mm,
        )
        return result.mesh

    def prepare(self) -> None:
        import_module("lumi_box.providers.builtin.reconstruct")
        import_module("lumi_box.meshes.export")

    def check(self) -> str:
        missing = [name for name in ("manifold3d", "scipy", "skimage") if find_spec(name) is None]
        if missing:
            raise Refused("The built-in modeller is not complete.", vendor_text=f"missing: {', '.join(missing)}")
        return "The built-in modeller is on this machine."
