"""What a slicer would stumble over, for models that were finished before anybody asked."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from lumi_box.box import Box
from lumi_box.errors import UpstreamError
from lumi_box.flow.request_state import DONE
from lumi_box.tables.generation import GeneratedModel

logger = logging.getLogger(__name__)


def examine_prints(box: Box) -> None:
    """Each one once a run; one whose file cannot be read is left for the next."""
    unknown = (GeneratedModel.status == DONE) & GeneratedModel.print_facts.is_null()
    for model in list(GeneratedModel.select(GeneratedModel.id, GeneratedModel.obj_key).where(unknown)):
        try:
            _examine(box, model)
        except UpstreamError as error:
            logger.warning("model not examined model=%s code=%s", model.id, error.code)


def _examine(box: Box, model: GeneratedModel) -> None:
    from lumi_box.meshes.export import PRINT_HEIGHT_MM  # numpy is for the worker
    from lumi_box.meshes.placed import for_print
    from lumi_box.meshes.printability import examine
    from lumi_box.meshes.read import read_mesh

    with tempfile.TemporaryDirectory(prefix="lumi-print-") as folder:
        local = Path(folder, "model.obj")
        with box.storage.open(str(model.obj_key)) as source, local.open("wb") as target:
            shutil.copyfileobj(source, target)
        mesh = read_mesh(local, Path(folder))
    facts = examine(for_print(mesh.vertices, PRINT_HEIGHT_MM), mesh.faces)
    GeneratedModel.update(print_facts=asdict(facts)).where(GeneratedModel.id == model.id).execute()
