"""SeaweedFS, a real S3-compatible server, as a process on loopback.

Chosen because it is a server that people run in production, not a double of one: it checks signatures and Content-MD5,
answers in S3's own XML, keeps multipart uploads, and lists page by page. It comes as one binary out of a Python
package, so that the tests need neither Docker nor a download, and it starts in three seconds. Its listing follows
folders rather than the order of the keys' bytes, which no double would have told us.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
import botocore.config
from botocore.exceptions import BotoCoreError, ClientError
from process.server import free_port

START_SECONDS = 60.0


class Seaweed:
    def __init__(self, folder: Path, access_key: str, secret_key: str) -> None:
        self._folder, self._keys = folder, (access_key, secret_key)
        self._numbers = itertools.count(1)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    @staticmethod
    def program() -> Path:
        return Path(sys.executable).with_name("weed")

    def __enter__(self) -> Seaweed:
        access_key, secret_key = self._keys
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        keys = [{"accessKey": access_key, "secretKey": secret_key}]
        config = self._folder / "s3.json"
        config.write_text(json.dumps({"identities": [{"name": "lumi", "credentials": keys, "actions": actions}]}))
        data = self._folder / "data"
        data.mkdir()
        ports = {
            f"-{name}.port{kind}": str(free_port()) for name in ("master", "volume", "filer") for kind in ("", ".grpc")
        }
        ports["-s3.port.grpc"] = str(free_port())
        self._ports = [*ports.values(), str(self.port)]
        words = [f"{name}={port}" for name, port in ports.items()]
        words += [f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.port={self.port}"]
        words += [
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.config={config}",
            "-s3.autoCreateBucket=false",
        ]
        words += ["-master.volumeSizeLimitMB=1024", "-volume.max=500", "-master.telemetry=false"]
        with (self._folder / "log").open("wb") as log:
            # So that it ends when the tests are killed.
            guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
            line = [*guard, str(self.program()), "-logtostderr=true", "server", *words]
            settings = os.environ | {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
            self._process = subprocess.Popen(
                line, stdout=log, stderr=log, cwd=self._folder, env=settings, start_new_session=True
            )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def new_bucket(self) -> str:
        name = f"bucket-{next(self._numbers)}"
        self.client().create_bucket(Bucket=name)
        return name

    def client(self) -> Any:
        """A client that is none of ours, to look at what ours has done."""
        access_key, secret_key = self._keys
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def _wait(self) -> None:
        client, deadline = self.client(), time.monotonic() + START_SECONDS
        while True:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            try:
                client.create_bucket(Bucket="ready")
                client.put_object(Bucket="ready", Key="first", Body=b"x")
                return
            except (BotoCoreError, ClientError):
                assert time.monotonic() < deadline, (self._folder / "log").read_text()[-5000:]
                time.sleep(0.1)

    def _stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        for port in self._ports:  # it leaves a socket in /tmp for each of its servers
            for path in Path("/tmp").glob(f"seaweedfs-*{port}.sock"):
                path.unlink(missing_ok=True)
