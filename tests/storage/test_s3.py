"""Objects in a bucket: our client against a real server over HTTP (see seaweed.py), broken where it hurts."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from lumi_box.clock import now_ms
from lumi_box.errors import Busy, NotFound, Unavailable
from lumi_box.storage import hints, s3_upload
from lumi_box.storage.base import open_storage
from lumi_box.storage.s3 import S3Storage

pytestmark = pytest.mark.process  # seconds each: not for the quick part

MEGABYTE = 1 << 20


@pytest.fixture
def through(s3_config, proxy):
    """A storage whose every request goes through the proxy."""
    return S3Storage(replace(s3_config, endpoint=proxy.url, timeout_seconds=2))


@pytest.fixture
def bucket(seaweed, s3_config):
    """The bucket as another client sees it."""
    client = seaweed.client()

    def names():
        found = []
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=s3_config.bucket):
            found += [each["Key"] for each in page.get("Contents", ())]
        return found

    return names


def keys(storage):
    return [listed.key for page in storage.pages() for listed in page]


def unfinished(seaweed, s3_config):
    return seaweed.client().list_multipart_uploads(Bucket=s3_config.bucket).get("Uploads", [])


def random_file(path, size):
    with path.open("wb") as target:
        for _ in range(size // MEGABYTE):
            target.write(os.urandom(MEGABYTE))
    return path


def test_put_open_range_measure_and_delete(s3, source, bucket):
    s3.put("models/m/model.glb", source)
    assert bucket() == ["lumi/main/models/m/model.glb"]
    with s3.open("models/m/model.glb") as stream:
        assert stream.read() == b"0123456789"
    for first, last, expected in ((4, None, b"456789"), (0, 3, b"0123"), (9, 9, b"9"), (2, 5, b"2345")):
        with s3.open("models/m/model.glb", first, last) as stream:
            assert stream.read() == expected
    assert s3.exists("models/m/model.glb")
    assert s3.measure("models/m/model.glb") == (10, hashlib.sha256(b"0123456789").hexdigest())
    assert s3.delete_many(["models/m/model.glb", "models/m/never-there"]) == {}
    assert bucket() == []
    assert not s3.exists("models/m/model.glb")
    assert s3.measure("models/m/model.glb") is None
    with pytest.raises(NotFound):
        s3.open("models/m/model.glb")


def test_an_object_has_its_media_type_and_its_digest(s3, s3_config, seaweed, source):
    s3.put("models/m/model.glb", source)
    told = seaweed.client().head_object(Bucket=s3_config.bucket, Key="lumi/main/models/m/model.glb")
    assert told["ContentType"] == "model/gltf-binary"
    assert told["Metadata"]["sha256"] == hashlib.sha256(b"0123456789").hexdigest()


def test_an_object_without_our_digest_is_measured_by_its_bytes(s3, s3_config, seaweed):
    seaweed.client().put_object(Bucket=s3_config.bucket, Key="lumi/main/foreign", Body=b"abc")
    assert s3.measure("foreign") == (3, hashlib.sha256(b"abc").hexdigest())


def test_only_what_lies_under_the_prefix_is_listed(s3, s3_config, seaweed, source):
    for key in ("lumi/mainland/1", "other/2", "lumi/main/3"):
        seaweed.client().put_object(Bucket=s3_config.bucket, Key=key, Body=b"x")
    assert keys(s3) == ["3"]
    (page,) = s3.pages()
    assert (page[0].size, abs(page[0].modified_ms - now_ms()) < 60_000) == (1, True)


def test_more_than_a_thousand_keys_are_listed_and_removed_in_batches(s3, s3_config, seaweed):
    client = seaweed.client()
    wanted = [f"many/{number:05}" for number in range(2_105)]
    for key in wanted:
        client.put_object(Bucket=s3_config.bucket, Key=f"lumi/main/{key}", Body=b"x")
    assert [len(page) for page in s3.pages()] == [1000, 1000, 105]
    assert keys(s3) == wanted
    assert [each.key for page in s3.pages(after="many/02099") for each in page] == wanted[2_100:]
    assert s3.delete_many(wanted[:2_100]) == {}
    assert keys(s3) == wanted[2_100:]


def test_a_large_file_goes_in_parts_with_little_memory(s3, s3_config, seaweed, tmp_path, bucket):
    """200 MB up and down again, in a process of its own whose memory is measured."""
    path = random_file(tmp_path / "large", 200 * MEGABYTE)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    code = f"""
import hashlib, re
from pathlib import Path
from lumi_box.config.schema import S3Config
from lumi_box.storage.s3 import S3Storage
storage = S3Storage(S3Config(endpoint={s3_config.endpoint!r}, region="us-east-1", bucket={s3_config.bucket!r},
    access_key_id={s3_config.access_key_id!r}, secret_access_key={s3_config.secret_access_key!r}, prefix="lumi/main"))
storage._client

def peak():
    return int(re.search("VmHWM:.*?([0-9]+) kB", Path("/proc/self/status").read_text())[1])

before = peak()
storage.put("models/m/model.obj", Path({str(path)!r}))
with storage.open("models/m/model.obj") as stream:
    print(hashlib.file_digest(stream, "sha256").hexdigest())
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    told, grown = done.stdout.split()
    assert told == digest
    assert int(grown) < 64 * 1024  # in KiB: one part, and what carries it
    head = seaweed.client().head_object(Bucket=s3_config.bucket, Key="lumi/main/models/m/model.obj")
    assert head["ContentLength"] == 200 * MEGABYTE
    assert head["ETag"].strip('"').endswith("-13")  # 200 MB in parts of 16 MiB
    assert unfinished(seaweed, s3_config) == []


def test_a_large_upload_that_fails_leaves_neither_object_nor_parts(
    through, s3_config, seaweed, proxy, tmp_path, bucket, monkeypatch
):
    monkeypatch.setattr(s3_upload, "PARTS_FROM", MEGABYTE)
    monkeypatch.setattr(s3_upload, "PART", 5 * MEGABYTE)
    path = random_file(tmp_path / "large", 12 * MEGABYTE)
    proxy.cut_upload(8, after=MEGABYTE)
    with pytest.raises(Unavailable) as caught:
        through.put("models/m/model.obj", path)
    assert caught.value.code in ("s3_cut", "s3_unreachable")
    assert bucket() == []
    assert unfinished(seaweed, s3_config) == []


def test_parts_that_a_crash_left_are_dropped_once_they_are_old(s3, s3_config, seaweed):
    client, to = seaweed.client(), {"Bucket": s3_config.bucket, "Key": "lumi/main/models/m/model.obj"}
    upload = client.create_multipart_upload(**to)
    client.upload_part(**to, UploadId=upload["UploadId"], PartNumber=1, Body=b"x" * (5 * MEGABYTE))
    assert s3.drop_unfinished(now_ms() - 3_600_000) == 0
    assert len(unfinished(seaweed, s3_config)) == 1
    assert s3.drop_unfinished(now_ms() + 60_000) == 1
    assert unfinished(seaweed, s3_config) == []


def test_slow_down_is_waited_for(through, proxy, source, bucket):
    proxy.slow_down(2)
    through.put("a", source)
    assert bucket() == ["lumi/main/a"]


def test_slow_down_without_end_lets_the_job_wait(through, proxy, source):
    proxy.slow_down(20)
    with pytest.raises(Busy) as caught:
        through.put("a", source)
    assert (caught.value.code, caught.value.source) == ("s3_busy", "storage")
    assert "SlowDown" in caught.value.vendor_text


def test_an_upload_cut_in_the_middle_is_sent_again(through, proxy, tmp_path, s3):
    path = random_file(tmp_path / "file", 4 * MEGABYTE)
    proxy.cut_upload(1, after=MEGABYTE)
    through.put("a", path)
    with path.open("rb") as stream:
        assert s3.measure("a") == (4 * MEGABYTE, hashlib.file_digest(stream, "sha256").hexdigest())
    with s3.open("a") as stream:
        assert stream.read() == path.read_bytes()


def test_an_upload_that_is_always_cut_keeps_nothing(through, proxy, tmp_path, bucket):
    proxy.cut_upload(8, after=MEGABYTE)
    with pytest.raises(Unavailable) as caught:
        through.put("a", random_file(tmp_path / "file", 4 * MEGABYTE))
    assert caught.value.code in ("s3_cut", "s3_unreachable")
    assert bucket() == []


def test_a_download_that_breaks_goes_on_where_it_broke(through, proxy, tmp_path, s3):
    path = random_file(tmp_path / "file", 4 * MEGABYTE)
    s3.put("a", path)
    proxy.cut_download(2, after=MEGABYTE)
    with through.open("a", 100) as stream:
        assert stream.read() == path.read_bytes()[100:]
    ranged = [line for line in proxy.seen if line.startswith("GET")]
    assert len(ranged) == 3


def test_a_download_that_always_breaks_is_an_error_not_a_short_file(through, proxy, tmp_path, s3):
    s3.put("a", random_file(tmp_path / "file", 4 * MEGABYTE))
    proxy.cut_download(20, after=MEGABYTE // 2)
    with through.open("a") as stream, pytest.raises(Unavailable):
        stream.read()


def test_a_server_that_is_silent_is_given_up(s3_config, proxy, source):
    storage = S3Storage(replace(s3_config, endpoint=proxy.url, timeout_seconds=1))
    proxy.hang(20)
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        storage.probe()
    assert caught.value.code == "s3_unreachable"
    assert time.monotonic() - began < 4


def spoiled(s3_config, what):
    changes = {
        "key": {"access_key_id": "nobodys-key"},
        "secret": {"secret_access_key": "not-the-secret-of-this-key"},
        "bucket": {"bucket": "no-such-bucket"},
        "port": {"endpoint": "http://127.0.0.1:9"},
        "host": {"endpoint": "http://s3.invalid"},
    }
    return S3Storage(replace(s3_config, **changes[what]))


@pytest.mark.parametrize(
    ("what", "code", "word"),
    [
        ("key", "s3_key", "access_key_id"),
        ("secret", "s3_key", "secret_access_key"),
        ("bucket", "s3_bucket", "bucket"),
        ("port", "s3_unreachable", "endpoint"),
        ("host", "s3_unreachable", "endpoint"),
    ],
)
def test_the_probe_names_what_is_wrong(s3_config, what, code, word):
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        spoiled(s3_config, what).probe()
    assert caught.value.code == code
    assert word in hints.hint(code)
    assert s3_config.secret_access_key not in f"{caught.value} {caught.value.vendor_text}"
    assert time.monotonic() - began < 4.5  # a check has five seconds


@pytest.mark.parametrize("what", ["key", "bucket"])
def test_what_only_the_operator_can_mend_is_an_alert(s3_config, source, what):
    with pytest.raises(Unavailable) as caught:
        spoiled(s3_config, what).put("a", source)
    assert (caught.value.alert, caught.value.source) == (True, "storage")


@pytest.mark.parametrize("what", ["key", "bucket", "port"])
def test_a_removal_that_fails_tells_so_for_every_key(s3_config, what):
    left = spoiled(s3_config, what).delete_many(["a", "b"])
    assert set(left) == {"a", "b"}
    assert all(left.values())


def test_a_missing_bucket_is_never_an_empty_listing(s3_config):
    with pytest.raises(Unavailable) as caught:
        list(spoiled(s3_config, "bucket").pages())
    assert caught.value.code == "s3_bucket"


def test_the_probe_leaves_nothing(s3, bucket):
    s3.probe()
    assert bucket() == []


def test_requests_carry_md5_and_no_checksum_of_amazons_own(s3_config, source):
    """Aliyun OSS and Tencent COS refuse or ignore the CRC that boto3 would send, and want Content-MD5 for a batch."""
    storage, sent = S3Storage(s3_config), []
    storage._client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request))
    storage.put("a", source)
    storage.delete_many(["a"])
    assert [request.method for request in sent] == ["PUT", "POST"]
    for request in sent:
        assert request.headers["Content-MD5"]
        assert not [name for name in request.headers if name.lower().startswith(("x-amz-checksum", "x-amz-sdk-che"))]
        assert "aws-chunked" not in str(request.headers.get("Content-Encoding", ""))


def test_the_bucket_stands_in_the_host_name_where_that_is_wanted(s3_config):
    addresses = {}
    for path_style in (True, False):
        storage = S3Storage(replace(s3_config, endpoint="https://oss.example.com", force_path_style=path_style))
        addresses[path_style] = storage._client.generate_presigned_url(
            "get_object", Params={"Bucket": s3_config.bucket, "Key": "a"}
        ).partition("?")[0]
    assert addresses[True] == f"https://oss.example.com/{s3_config.bucket}/a"
    assert addresses[False] == f"https://{s3_config.bucket}.oss.example.com/a"


def test_the_client_is_as_the_config_says(s3_config):
    client = S3Storage(replace(s3_config, timeout_seconds=7, max_connections=3))._client
    settings = client.meta.config
    assert (settings.read_timeout, settings.max_pool_connections) == (7, 3)
    assert settings.retries == {"mode": "standard", "total_max_attempts": 4}


def test_a_forked_process_does_not_go_on_with_its_parents_connections(s3):
    first = s3._client
    assert s3._client is first
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.write(write, b"same" if s3._client is first else b"own")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"own"
    os.close(read)
    os.close(write)


def test_boto3_is_loaded_at_first_use_only(config):
    code = """
import sys
from lumi_box.config.schema import S3Config
from lumi_box.storage.s3 import S3Storage
S3Storage(S3Config(endpoint="http://127.0.0.1:9", region="r", bucket="b-1", access_key_id="a", secret_access_key="b"))
print("boto3" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


def test_the_config_chooses_the_store(config, s3_config):
    chosen = replace(config, storage=replace(config.storage, kind="s3", s3=s3_config))
    assert isinstance(open_storage(chosen), S3Storage)
