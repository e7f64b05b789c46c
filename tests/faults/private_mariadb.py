"""A MariaDB server of a test's own, which may be killed: its files, socket and port are nobody else's."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pymysql
from process.server import eventually, free_port

START_SECONDS = 60.0
SEARCHED = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def program() -> str | None:
    return shutil.which("mariadbd", path=SEARCHED)


class PrivateMariaDb:
    """Durable as servers are by default: what was committed is there after a kill."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"mysql://root@127.0.0.1:{self.port}/lumi"
        self._data = folder / "mariadb"
        self._short = Path(tempfile.mkdtemp(prefix="maria-"))  # the path of a socket must be short
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PrivateMariaDb:
        install = shutil.which("mariadb-install-db", path=SEARCHED)
        assert install is not None
        options = ["--no-defaults", f"--datadir={self._data}", f"--user={getpass.getuser()}", "--skip-test-db"]
        self._data.mkdir(parents=True)
        subprocess.run(
            [install, *options, "--auth-root-authentication-method=normal"],
            check=True,
            capture_output=True,
            timeout=120,
        )
        self.start()
        with self._connection() as server, server.cursor() as cursor:
            cursor.execute("CREATE DATABASE lumi")
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._short, ignore_errors=True)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns once it answers; after a kill it mends itself first."""
        server = program()
        assert server is not None
        line = [server, "--no-defaults", f"--datadir={self._data}", f"--user={getpass.getuser()}"]
        line += [f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self._short / 'socket'}"]
        with (self._data / "log").open("ab") as log:
            self._process = subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT)
        eventually(self._answers, START_SECONDS, "a MariaDB that answers")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)

    def interrupt(self, seconds: float) -> None:
        """A kill -9, and the server's restart after a while."""
        self.kill()
        time.sleep(seconds)
        self.start()

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connection("lumi") as server, server.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def _answers(self) -> bool:
        assert self.alive, (self._data / "log").read_text(encoding="utf-8", errors="replace")[-4000:]
        with contextlib.suppress(pymysql.MySQLError):
            self._connection().close()
            return True
        return False

    def _connection(self, name: str | None = None) -> pymysql.Connection[Any]:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=name, autocommit=True, ssl_disabled=True
        )
