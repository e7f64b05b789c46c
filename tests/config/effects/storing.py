"""Where rows and files lie, how the bucket is spoken to, and what the sweep removes."""

from __future__ import annotations

import os
import time

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from config.effects import effect
from config.effects.world import outcome
from process.server import free_port

from lumi_box import runtime
from lumi_box.storage.base import open_storage
from lumi_box.storage.sweep import sweep
from lumi_box.tables import base
from lumi_box.tables.engines import WATCHERS

S3 = {
    "storage.kind": "s3",
    "storage.s3.endpoint": "{url}",
    "storage.s3.region": "eu-1",
    "storage.s3.bucket": "lumi",
    "storage.s3.access_key_id": "AKIDEXAMPLE",
    "storage.s3.secret_access_key": "s3-very-secret",
}


@effect("database.url", ("sqlite:///one.db", ["one.db"]), ("sqlite:///two/three.db", ["two/three.db"]))
def where_rows_lie(_, config):
    runtime.migrate_database(config)
    base.close_all()
    return sorted(path.relative_to(config.folder).as_posix() for path in config.folder.rglob("*.db"))


@effect("database.pool_size", (3, 3), (40, 40), given={"database.url": "mysql://lumi@127.0.0.1/lumi"})
def how_many_connections_there_may_be(_, config):
    return base.bind(config.database)._max_connections - WATCHERS


@effect(
    "database.connect_attempts",
    (2, "after 2 attempts"),
    (4, "after 4 attempts"),
    given={"database.url": f"mysql://lumi@127.0.0.1:{free_port()}/lumi"},
)
def how_often_it_tries_to_connect(world, config):
    world.monkeypatch.setattr(base, "FIRST_PAUSE_SECONDS", 0.001)
    try:
        base.connect(config.database)
    except base.CannotConnect as error:
        return str(error).partition("reached ")[2].partition(":")[0]
    return "connected"


@effect("storage.kind", ("disk", "DiskStorage"), ("s3", "S3Storage"), given=S3)
def which_store_it_is(_, config):
    return type(open_storage(config)).__name__


@effect("storage.disk.path", ("some/where", "some/where"), ("elsewhere", "elsewhere"))
def where_files_lie(world, config):
    storage = open_storage(config)
    storage.put("images/r/0.png", config.path)
    (found,) = config.folder.rglob("0.png")
    return found.relative_to(config.folder).as_posix().removesuffix("/images/r/0.png")


def _asked(world, config):
    open_storage(config).exists("images/r/0.png")
    return world.last()


@effect("storage.s3.endpoint", ("{url}", "/lumi/images/r/0.png"), ("{url}/s3", "/s3/lumi/images/r/0.png"), given=S3)
@effect("storage.s3.bucket", ("lumi", "/lumi/images/r/0.png"), ("other", "/other/images/r/0.png"), given=S3)
@effect("storage.s3.prefix", ("", "/lumi/images/r/0.png"), ("a/b", "/lumi/a/b/images/r/0.png"), given=S3)
def which_object_is_asked_for(world, config):
    return _asked(world, config).path


@effect(
    "storage.s3.force_path_style",
    (True, ("localhost", "/lumi/images/r/0.png")),
    (False, ("lumi.localhost", "/images/r/0.png")),
    given=S3 | {"storage.s3.endpoint": "http://localhost:{port}"},
)
def how_the_bucket_is_named(world, config):
    asked = _asked(world, config)
    return asked.headers["Host"].partition(":")[0], asked.path


@effect("storage.s3.region", ("eu-1", "eu-1"), ("us-7", "us-7"), given=S3)
def for_which_region_it_signs(world, config):
    return _asked(world, config).headers["Authorization"].split("/")[2]


@effect("storage.s3.access_key_id", ("AKIDEXAMPLE", "AKIDEXAMPLE"), ("AKIDOTHER", "AKIDOTHER"), given=S3)
def whose_key_it_shows(world, config):
    return _asked(world, config).headers["Authorization"].partition("Credential=")[2].partition("/")[0]


@effect("storage.s3.secret_access_key", ("s3-very-secret", True), ("another-secret", False), given=S3)
def what_it_signs_with(world, config):
    asked = _asked(world, config)
    sent = dict(asked.headers.items())
    signed = sent["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    again = AWSRequest(asked.method, world.recorder.url + asked.path, {name: asked.headers[name] for name in signed})
    again.context["timestamp"] = sent["X-Amz-Date"]
    signer = S3SigV4Auth(Credentials("AKIDEXAMPLE", "s3-very-secret"), "s3", "eu-1")
    expected = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    return sent["Authorization"].rpartition("Signature=")[2] == expected


@effect("storage.s3.timeout_seconds", (0.1, "Unavailable s3_unreachable"), (20, False), given=S3)
def how_long_it_waits_for_the_bucket(world, config):
    world.monkeypatch.setattr("lumi_box.storage.s3.ATTEMPTS", 1)
    world.recorder.delay = 0.4
    return outcome(lambda: open_storage(config).exists("images/r/0.png"))


@effect("storage.s3.max_connections", (3, 3), (9, 9), given=S3)
def how_many_connections_to_the_bucket(_, config):
    return open_storage(config)._client.meta.config.max_pool_connections


@effect("sweep.grace_hours", (1, "deleted"), (3, "kept"), given={"sweep.max_delete_percent": 100})
@effect("sweep.max_delete_percent", (100, "deleted"), (50, "kept"), given={"sweep.grace_hours": 1})
def whether_an_orphan_of_two_hours_goes(world, config):
    box = world.box(config)
    box.storage.put("images/r/orphan.png", config.path)
    old = time.time() - 2 * 3600
    os.utime(box.storage.root / "images/r/orphan.png", (old, old))
    sweep(box.storage, config.sweep)
    return "kept" if box.storage.exists("images/r/orphan.png") else "deleted"
