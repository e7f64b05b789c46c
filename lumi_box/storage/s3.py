"""Objects in a bucket of Amazon S3 or of a service that speaks its protocol."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from lumi_box.config.schema import S3Config
from lumi_box.errors import LumiError, NotFound, Unavailable
from lumi_box.storage.base import PAGE, SOURCE, Listed, hashed
from lumi_box.storage.s3_errors import FAILURES, translated
from lumi_box.storage.s3_stream import S3Stream
from lumi_box.storage.s3_upload import upload

ATTEMPTS = 4
CONNECT_SECONDS = 5.0
PROBE_SECONDS = 3.0  # the doctor gives a check five
STREAM_BUFFER = 1 << 16


class S3Storage:
    """Clients are made at first use: most commands, and a web process at rest, never need one."""

    def __init__(self, config: S3Config) -> None:
        self._config = config
        self._bucket = str(config.bucket)
        self._prefix = f"{config.prefix}/" if config.prefix else ""
        self._lock = threading.Lock()
        self._clients: dict[tuple[int, bool], Any] = {}

    def put(self, key: str, source: Path) -> None:
        self._put(self._client, key, source)

    def open(self, key: str, first: int = 0, last: int | None = None) -> BinaryIO:
        return self._open(self._client, key, first, last)

    def exists(self, key: str) -> bool:
        return self._head(key) is not None

    def measure(self, key: str) -> tuple[int, str] | None:
        """By the digest that we sent along with the bytes, which the service checked; else by reading them."""
        told = self._head(key)
        if told is None:
            return None
        if digest := told.get("Metadata", {}).get("sha256"):
            return int(told["ContentLength"]), str(digest)
        with self.open(key) as stream:
            return hashed(stream)

    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        left: dict[str, str] = {}
        for start in range(0, len(keys), PAGE):  # S3 takes as many in one request
            left |= self._delete_batch(self._client, keys[start : start + PAGE])
        return left

    def pages(self, after: str = "") -> Iterator[list[Listed]]:
        """By the first version of ListObjects: every service has it, and it goes on after any key."""
        while True:
            try:
                told = self._client.list_objects(
                    Bucket=self._bucket, Prefix=self._prefix, Marker=self._prefix + after if after else "", MaxKeys=PAGE
                )
            except FAILURES as error:
                raise translated(error, "listed") from error
            page = [self._listed(each) for each in told.get("Contents", ())]
            if page:
                yield page
                after = page[-1].key
            if not told.get("IsTruncated") or not page:
                return

    def drop_unfinished(self, before_ms: int) -> int:
        dropped, to = 0, {"Bucket": self._bucket}
        try:
            pager = self._client.get_paginator("list_multipart_uploads")
            for page in pager.paginate(**to, Prefix=self._prefix):
                for each in page.get("Uploads", ()):
                    if each["Initiated"].timestamp() * 1000 < before_ms:
                        self._client.abort_multipart_upload(**to, Key=each["Key"], UploadId=each["UploadId"])
                        dropped += 1
        except FAILURES as error:
            raise translated(error, "removed") from error
        return dropped

    def probe(self) -> None:
        client, key = self._quick_client, f"probe/{secrets.token_hex(8)}"
        try:  # first, because some services make a bucket that a put names
            client.list_objects(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
        except FAILURES as error:
            raise _found(translated(error, "listed")) from error
        with tempfile.NamedTemporaryFile() as source:
            source.write(b"lumi-box")
            source.flush()
            self._put(client, key, Path(source.name))
        with self._open(client, key, 0, None) as stream:
            if stream.read() != b"lumi-box":
                raise Unavailable("The storage gave back other bytes than it was given.", code="s3")
        if kept := self._delete_batch(client, [key]):
            raise Unavailable("The file could not be removed.", code="s3_denied", vendor_text=kept[key], source=SOURCE)

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            told: dict[str, Any] = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        except FAILURES as error:
            turned = translated(error, "read")
            if isinstance(turned, NotFound):
                return None
            raise turned from error
        return told

    def _put(self, client: Any, key: str, source: Path) -> None:
        try:
            upload(client, self._bucket, self._prefix + key, source)
        except FAILURES as error:
            raise _found(translated(error, "kept")) from error

    def _open(self, client: Any, key: str, first: int, last: int | None) -> BinaryIO:
        wanted = {"Bucket": self._bucket, "Key": self._prefix + key}
        etag: str | None = None

        def fetch(offset: int) -> Any:
            begin = first + offset
            extra = {"Range": f"bytes={begin}-{last if last is not None else ''}"} if begin or last is not None else {}
            if etag is not None:
                extra["IfMatch"] = etag  # the rest must be of the same object
            try:
                return client.get_object(**wanted, **extra)
            except FAILURES as error:
                raise translated(error, "read") from error

        told = fetch(0)
        etag = told.get("ETag")
        stream = S3Stream(lambda offset: fetch(offset)["Body"], told["Body"], told["ContentLength"])
        return cast(BinaryIO, io.BufferedReader(stream, STREAM_BUFFER))

    def _delete_batch(self, client: Any, keys: Sequence[str]) -> dict[str, str]:
        wanted = {"Objects": [{"Key": self._prefix + key} for key in keys], "Quiet": True}
        try:
            told = client.delete_objects(Bucket=self._bucket, Delete=wanted)
        except FAILURES as error:
            turned = _found(translated(error, "removed"))
            return dict.fromkeys(keys, getattr(turned, "vendor_text", "") or str(turned))
        return {
            each["Key"].removeprefix(self._prefix): f"{each.get('Code', '')}: {each.get('Message', '')}".strip(": ")
            for each in told.get("Errors", ())
            if each.get("Code") != "NoSuchKey"
        }

    def _listed(self, each: dict[str, Any]) -> Listed:
        modified = round(each["LastModified"].timestamp() * 1000)
        return Listed(each["Key"].removeprefix(self._prefix), each["Size"], modified)

    @property
    def _client(self) -> Any:
        return self._client_of(quick=False)

    @property
    def _quick_client(self) -> Any:
        """For the probe: the first failure is the finding."""
        return self._client_of(quick=True)

    def _client_of(self, *, quick: bool) -> Any:
        """Each process has connections of its own: a forked one must not go on with its parent's."""
        with self._lock:
            which = (os.getpid(), quick)
            if which not in self._clients:
                most = self._config.timeout_seconds
                connect, read = (PROBE_SECONDS, PROBE_SECONDS) if quick else (CONNECT_SECONDS, most)
                self._clients[which] = self._connect(min(connect, most), min(read, most), 1 if quick else ATTEMPTS)
            return self._clients[which]

    def _connect(self, connect_seconds: float, read_seconds: float, attempts: int) -> Any:
        import boto3  # takes a while and some memory: only who speaks to the bucket loads it
        from botocore.config import Config as ClientConfig

        config = self._config
        settings = ClientConfig(
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            max_pool_connections=config.max_connections,
            retries={"mode": "standard", "total_max_attempts": attempts},
            signature_version="s3v4",
            s3={"addressing_style": "path" if config.force_path_style else "virtual"},
            # CRC trailers, boto3's default, are AWS's own: other services refuse them. A Content-MD5 all of them check.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=config.endpoint,
            region_name=config.region,
            aws_access_key_id=config.access_key_id,
            aws_secret_access_key=config.secret_access_key,
            config=settings,
        )
        client.meta.events.register("before-call.s3.DeleteObjects", _add_md5)
        return client


def _add_md5(params: dict[str, Any], **_: Any) -> None:
    """Batches must carry a checksum: Aliyun, Tencent and others know only this one, which boto3 has stopped adding."""
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
    params["context"].pop("checksum", None)


def _found(error: LumiError) -> LumiError:
    """Where no object was asked for, "not found" can only mean the bucket."""
    if isinstance(error, NotFound):
        return Unavailable("There is no such bucket.", code="s3_bucket", alert=True, source=SOURCE)
    return error
