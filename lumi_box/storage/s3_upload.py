"""Bytes into a bucket: small ones at once, large ones in parts. Each carries an MD5 that the service checks."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
from pathlib import Path
from typing import Any

from lumi_box.errors import Unavailable
from lumi_box.storage import keys
from lumi_box.storage.base import SOURCE
from lumi_box.storage.s3_errors import FAILURES

PARTS_FROM = 64 << 20
PART = 16 << 20  # in memory, one at a time; 10,000 of them, which is S3's limit, are 160 GB

logger = logging.getLogger(__name__)


def upload(client: Any, bucket: str, name: str, source: Path) -> None:
    """Keep the file, whole or not at all; raises what boto3 raises, or Unavailable when the sizes differ afterwards."""
    size = source.stat().st_size
    about = {"ContentType": keys.media_type(name), "Metadata": {"sha256": _digest(source)}}
    if size < PARTS_FROM:
        with source.open("rb") as body:
            md5 = base64.b64encode(_md5(body).digest()).decode()
            body.seek(0)
            client.put_object(Bucket=bucket, Key=name, Body=body, ContentLength=size, ContentMD5=md5, **about)
        return
    _in_parts(client, bucket, name, source, about)
    stored = client.head_object(Bucket=bucket, Key=name)["ContentLength"]
    if stored != size:
        words = f"{name}: {stored} of {size} bytes were kept"
        raise Unavailable("The file could not be kept.", code="s3_cut", vendor_text=words, source=SOURCE)


def _in_parts(client: Any, bucket: str, name: str, source: Path, about: dict[str, Any]) -> None:
    to = {"Bucket": bucket, "Key": name}
    upload_id = client.create_multipart_upload(**to, **about)["UploadId"]
    to["UploadId"] = upload_id
    try:
        parts: list[dict[str, Any]] = []
        with source.open("rb") as stream:
            while chunk := stream.read(PART):
                number = len(parts) + 1
                md5 = base64.b64encode(hashlib.md5(chunk, usedforsecurity=False).digest()).decode()
                told = client.upload_part(**to, PartNumber=number, Body=chunk, ContentMD5=md5)
                parts.append({"PartNumber": number, "ETag": told["ETag"]})
        client.complete_multipart_upload(**to, MultipartUpload={"Parts": parts})
    except BaseException:
        with contextlib.suppress(*FAILURES):  # what cannot be given up now, the sweep gives up later
            client.abort_multipart_upload(**to)
        raise


def _md5(stream: Any) -> Any:
    return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))  # a check, not a secret


def _digest(source: Path) -> str:
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
