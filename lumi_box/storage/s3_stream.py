"""An object's bytes as they come over the network; a connection that breaks is taken up where it broke."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable
from typing import Any

from lumi_box.storage.s3_errors import FAILURES, translated

RESUMES = 3

logger = logging.getLogger(__name__)


class S3Stream(io.RawIOBase):
    """`fetch(offset)` answers the body from that many bytes after the first on; `size` bytes are expected in all."""

    def __init__(self, fetch: Callable[[int], Any], body: Any, size: int) -> None:
        self._fetch, self._body, self._size = fetch, body, size
        self._read, self._resumes = 0, RESUMES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        if self._read == self._size or not view:
            return 0
        chunk = self._next(len(view))
        view[: len(chunk)] = chunk
        self._read += len(chunk)
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._drop()
        super().close()

    def _next(self, wanted: int) -> bytes:
        while True:
            try:
                if chunk := self._body.read(min(wanted, self._size - self._read)):
                    return bytes(chunk)
                raise ConnectionError(f"ended after {self._read} of {self._size} bytes")
            except FAILURES as error:
                if self._resumes == 0:
                    raise translated(error, "read") from error
                logger.info("download broke, taken up again offset=%d reason=%s", self._read, error)
                self._resumes -= 1
                self._drop()
                self._body = self._fetch(self._read)

    def _drop(self) -> None:
        with contextlib.suppress(*FAILURES):
            self._body.close()
