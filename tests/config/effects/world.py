"""Where probes build the program: a folder, a migrated database, and a server that records what it is asked."""

from __future__ import annotations

import email
import json
import shutil
import socket
import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from config.samples import DEVELOPMENT
from conftest import bearer
from flask import Flask
from flask.testing import FlaskClient
from process.server import free_port

from lumi_box import config as configuration
from lumi_box import runtime
from lumi_box.accounts import local
from lumi_box.box import Box
from lumi_box.config import Config
from lumi_box.errors import LumiError
from lumi_box.tables.account import User
from lumi_box.web.app import create_app


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Recorder:
    """Answers 404 with an empty object, or what a probe says; after `delay` seconds."""

    asked: list[Asked] = field(default_factory=list)
    status: int = 404
    body: bytes = b"{}"
    delay: float = 0.0

    def __enter__(self) -> Recorder:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                recorder.asked.append(Asked(self.command, self.path, self.headers, body))
                time.sleep(recorder.delay)
                self.send_response(recorder.status)
                self.send_header("Content-Length", str(len(recorder.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(recorder.body)

            do_POST = do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815  # the names that http.server calls

            def log_message(self, *_: Any) -> None:
                """Tests read no access log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def says(self, body: object, status: int = 200) -> None:
        self.status, self.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()


class World:
    """One key's: `config` writes and loads a file with a value of it; `box` and `app` are made as by `serve`."""

    def __init__(self, folder: Path, database: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.recorder, self.monkeypatch = folder, recorder, monkeypatch
        port = recorder.host.rpartition(":")[2]
        self.programs = folder / "bin"
        self.places = {"url": recorder.url, "host": recorder.host, "port": port, "bin": str(self.programs)}
        self.mails: list[Message] = []
        self._database, self._numbers = database, count()
        self.kept: list[Any] = []  # from one value of the key to the next
        self._closing: list[Callable[[], None]] = []
        monkeypatch.setattr(socket, "getaddrinfo", _resolve)

    def config(self, key: str, value: Any, given: Mapping[str, Any]) -> Config:
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        if "{mail}" in f"{value} {given}" and "mail" not in self.places:
            self._serve_mail()
        if "{bin}" in f"{value} {given}" and not self.programs.exists():
            self._make_programs()
        table = tomllib.loads(DEVELOPMENT)
        for name, each in (*given.items(), (key, value)):
            *tables, last = name.split(".")
            inner = table
            for part in tables:
                inner = inner.setdefault(part, {})
            inner[last] = self.filled(each)
        path = folder / "config.toml"
        path.write_text(configuration.to_toml(table), encoding="utf-8")
        path.chmod(0o600)
        return configuration.load(path)

    def filled(self, value: Any) -> Any:
        """With addresses where their placeholders stand."""
        if isinstance(value, str):
            for name, place in self.places.items():
                value = value.replace(f"{{{name}}}", place)
            return value
        return [self.filled(each) for each in value] if isinstance(value, list) else value

    def box(self, config: Config) -> Box:
        place = config.database.sqlite_path
        assert place is not None
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._database, place)
        return runtime.build(config)[0]

    def app(self, config: Config) -> Flask:
        app = create_app(self.box(config))
        self._closing.append(lambda: app.extensions["lumi_follower"].close(wait=True))
        return app

    def client(self, config: Config) -> FlaskClient:
        return self.app(config).test_client()

    def page(self, config: Config, path: str) -> str:
        """As its maker sees it."""
        app = self.app(config)
        return app.test_client().get(path, headers=bearer(self.user())).get_data(as_text=True)

    def user(self, **columns: Any) -> User:
        return local.create("maker@example.org", "correct horse battery", **columns)

    def last(self) -> Asked:
        return self.recorder.asked[-1]

    def _make_programs(self) -> None:
        """Each notes beside itself by which name and with which words it was called."""
        self.programs.mkdir()
        for name in ("one", "two"):
            program = self.programs / name
            program.write_text('#!/bin/sh\necho "${0##*/} $*" > "${0%/*}/called"\n')
            program.chmod(0o700)

    def _serve_mail(self) -> None:
        world = self

        class Taking:
            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's
                world.mails.append(email.message_from_bytes(envelope.content))
                return "250 OK"

        controller = Controller(Taking(), hostname="127.0.0.1", port=free_port())
        controller.start()
        self._closing.append(controller.stop)
        self.places["mail"] = f"127.0.0.1:{controller.port}"

    def close(self) -> None:
        for close in self._closing:
            close()


_resolver = socket.getaddrinfo


def _resolve(host: Any, *given: Any, **named: Any) -> Any:
    """Names below localhost are this machine, as RFC 6761 has it and not every resolver."""
    return _resolver("127.0.0.1" if str(host).endswith("localhost") else host, *given, **named)


def outcome(act: Callable[[], Any]) -> Any:
    """What it answers, or the kind of error of ours that it raises and its code."""
    try:
        return act()
    except LumiError as error:
        return f"{type(error).__name__} {getattr(error, 'code', '')}".strip()
