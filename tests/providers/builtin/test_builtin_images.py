"""The built-in painter behind the seam that every image provider has."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from PIL import Image

from lumi_box.errors import Refused
from lumi_box.providers.base import ImageOrder, Ready, Ticket
from lumi_box.providers.images.builtin import BuiltinImages


def test_an_order_is_ready_at_once_and_fetched_as_a_picture():
    painter = BuiltinImages()
    ready = painter.submit(ImageOrder("zzzz 'quoted' \"猫\"-less", 1, 7))
    assert isinstance(ready, Ready)
    picture = painter.fetch(ready)
    assert picture.media_type == "image/png"
    assert Image.open(io.BytesIO(picture.data)).size == (1024, 1024)
    assert picture.hints["shape"]


def test_there_is_nothing_to_poll():
    with pytest.raises(Refused):
        BuiltinImages().poll(Ticket("7"))


def test_the_module_loads_nothing_heavy():
    code = (
        "import sys; from lumi_box.providers.images.builtin import BuiltinImages;"
        "from lumi_box.providers.base import ImageOrder; BuiltinImages().submit(ImageOrder('cat', 0, 1));"
        "print(sorted({'numpy', 'PIL', 'scipy', 'skimage', 'resvg_py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
