"""The provider keeps the seam's promises."""

import subprocess
import sys

import pytest
from providers.builtin import known_pictures as pictures

from lumi_box.errors import Refused
from lumi_box.providers.base import ModelOrder, Picture, Ready, Ticket
from lumi_box.providers.models3d.builtin import BuiltinModels


def order(data, **hints):
    return ModelOrder(Picture(data, "image/png", hints), "a prompt")


def test_an_order_is_ready_at_once_and_fetch_builds_it(tmp_path):
    models, wanted = BuiltinModels(), order(pictures.png(pictures.disc()), shape="slab")
    ready = models.submit(wanted)
    assert ready == Ready(reference="")
    mesh = models.fetch(ready, wanted, tmp_path)
    assert mesh.texture is not None
    assert len(mesh.faces) > 1000


def test_a_ticket_left_over_is_ready():
    assert BuiltinModels().poll(Ticket("from another provider")) == Ready(reference="")


def test_a_bad_picture_is_refused_when_fetched(tmp_path):
    models, wanted = BuiltinModels(), order(b"")
    with pytest.raises(Refused):
        models.fetch(models.submit(wanted), wanted, tmp_path)


@pytest.mark.parametrize("module", ["lumi_box.providers.models3d.builtin", "lumi_box.meshes.scale_print"])
def test_what_the_web_process_imports_loads_no_numpy(module):
    code = f"import sys, {module}; sys.exit('numpy' in sys.modules or 'PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
