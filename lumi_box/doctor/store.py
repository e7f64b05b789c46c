"""The store of files: whether it takes, gives and forgets an object, and whether it is this database's."""

from __future__ import annotations

import time

from peewee import PeeweeException

from lumi_box.box import Box
from lumi_box.config import Config
from lumi_box.doctor.finding import Sick
from lumi_box.errors import UpstreamError
from lumi_box.storage import hints, marker


def check_storage(box: Box) -> str:
    begun = time.monotonic()
    try:
        box.storage.probe()
        took = (time.monotonic() - begun) * 1000
        done = f"{_place(box.config)}: an object put, read and removed in {took:.0f} ms."
        mark = marker.examine(box.storage)
    except UpstreamError as error:
        raise Sick(f"{error} {error.vendor_text}".strip(), hints.hint(error.code)) from error
    except PeeweeException:
        return f"{done} Whose store it is, the database could not tell."
    if not (mark.ours or mark.fits):
        raise Sick(mark.text, hints.hint("marker"))
    return f"{done} {mark.text}"


def _place(config: Config) -> str:
    storage = config.storage
    if storage.kind == "disk":
        return str(storage.disk.path)
    prefix = f"/{storage.s3.prefix}" if storage.s3.prefix else ""
    return f"Bucket {storage.s3.bucket}{prefix} at {storage.s3.endpoint}"
