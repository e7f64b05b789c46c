"""A bucket of a real S3 server, a proxy that breaks the connection to it, and a source file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from storage.faulty import FaultyProxy
from storage.seaweed import Seaweed

from lumi_box.config.schema import S3Config
from lumi_box.storage.s3 import S3Storage

ACCESS_KEY, SECRET_KEY = "lumi-key", "lumi-secret-of-the-tests"


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    if shutil.which("weed") is None and not Seaweed.program().exists():
        pytest.skip("SeaweedFS is not installed")
    with Seaweed(tmp_path_factory.mktemp("seaweed"), ACCESS_KEY, SECRET_KEY) as server:
        yield server


@pytest.fixture
def s3_config(seaweed: Seaweed) -> S3Config:
    """Of a bucket that no other test uses."""
    return S3Config(
        endpoint=seaweed.url,
        region="us-east-1",
        bucket=seaweed.new_bucket(),
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        prefix="lumi/main",
        timeout_seconds=20,
    )


@pytest.fixture
def s3(s3_config: S3Config) -> S3Storage:
    return S3Storage(s3_config)


@pytest.fixture
def proxy(seaweed: Seaweed) -> Iterator[FaultyProxy]:
    with FaultyProxy(seaweed.port) as faulty:
        yield faulty


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"0123456789")
    return path
