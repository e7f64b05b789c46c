"""Job kind -> the flow step that does it: `step(box, job)`, and `failed(job, failure)` for the rows of its own."""

from types import ModuleType

from lumi_box.flow import generate_images, produce_model

HANDLERS: dict[str, ModuleType] = {"image": generate_images, "model3d": produce_model}
