"""The user service: an envelope around everything, tokens with or without the word Bearer, and faults on demand."""

from __future__ import annotations

import contextlib
import secrets
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from emulators import faults
from emulators.faults import Fault, FaultQueue
from emulators.journal import Journal
from emulators.server import Server
from emulators.wire import Reply, Request, json_answer

ROOT = "/api/v1.0"
OPERATIONS = {
    ("POST", "/random_code"): "random_code",
    ("POST", "/register"): "register",
    ("POST", "/login"): "login",
    ("GET", "/info"): "info",
    ("POST", "/logout"): "logout",
}


@dataclass
class UserServiceSettings:
    """`prefixed`: login's token already begins with `Bearer `. `http_errors`: business errors come with HTTP 400."""

    prefixed: bool = True
    http_errors: bool = False


@dataclass
class People:
    """`codes` are those mailed last, by address and type; `tokens` the living ones, without the word Bearer."""

    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    codes: dict[tuple[str, str], str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)


class UserServiceVendor:
    name = "user-service"

    def __init__(self) -> None:
        self.settings, self.people = UserServiceSettings(), People()
        self._guard = threading.Lock()

    def operation(self, request: Request) -> str | None:
        return OPERATIONS.get((request.method, request.path.removeprefix(ROOT))) if ROOT in request.path else None

    def identify(self, request: Request) -> dict[str, str]:
        return {}

    def answer(self, operation: str, request: Request, fault: Fault | None) -> Reply:
        with self._guard:
            self.people.calls.append(operation)
            try:
                body = request.object() if request.method == "POST" else {}
                code, message, data = getattr(self, f"_{operation}")(body, request)
            except (ValueError, KeyError):
                code, message, data = 400, "参数错误", None
        envelope = {"code": code, "msg": message} | ({} if data is None else {"data": data})
        return Reply(json_answer(envelope, 400 if self.settings.http_errors and code != 200 else 200))

    def _random_code(self, body: dict[str, Any], _: Request) -> tuple[int, str, Any]:
        email, purpose = body["email"], body["type"]
        if (email in self.people.users) == (purpose == "register"):
            return 1001, "该邮箱已注册" if purpose == "register" else "该邮箱未注册", None
        self.people.codes[email, purpose] = f"{secrets.randbelow(10**6):06}"
        return 200, "发送成功", None

    def _register(self, body: dict[str, Any], _: Request) -> tuple[int, str, Any]:
        email = body["email"]
        if not self._right(email, "register", body["random_code"]):
            return 1002, "验证码错误或已过期", None
        self.add(email)
        return 200, "注册成功", None

    def _login(self, body: dict[str, Any], _: Request) -> tuple[int, str, Any]:
        email = body["email"]
        if body["login_type"] == "code":
            right = email in self.people.users and self._right(email, "login", body["random_code"])
        else:
            right = self.people.passwords.get(email) == body["password"]
        return (200, "登录成功", self.token(email, self.settings.prefixed)) if right else (1003, "登录失败", None)

    def _info(self, _: dict[str, Any], request: Request) -> tuple[int, str, Any]:
        email = self.people.tokens.get(request.bearer or "")
        return (200, "success", self.people.users[email]) if email else (401, "token无效", None)

    def _logout(self, _: dict[str, Any], request: Request) -> tuple[int, str, Any]:
        gone = self.people.tokens.pop(request.bearer or "", None)
        return (200, "success", None) if gone else (401, "token无效", None)

    def _right(self, email: str, purpose: str, code: str) -> bool:
        return self.people.codes.pop((email, purpose), None) == code

    def add(self, email: str, password: str | None = None, **more: Any) -> dict[str, Any]:
        name = email.partition("@")[0]
        user = {"user_id": f"u_{len(self.people.users) + 1024}", "user_name": name, "nick_name": name.title()}
        self.people.users[email] = user | {"email": email, "created_at": 1_760_000_000} | more
        if password is not None:
            self.people.passwords[email] = password
        return self.people.users[email]

    def token(self, email: str, prefixed: bool = False) -> str:
        token = f"eyJ{secrets.token_urlsafe(24)}"
        self.people.tokens[token] = email
        return f"Bearer {token}" if prefixed else token


class UserServiceEmulator:
    """A context manager. `url` is what a config calls `accounts.user_service_url`."""

    def __init__(self) -> None:
        self.vendor, self.faults = UserServiceVendor(), FaultQueue()
        self.people, self.settings = self.vendor.people, self.vendor.settings
        self._server = Server(0, [self.vendor], self.faults, Journal())
        self.url = self._server.base
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="user-service")

    def __enter__(self) -> UserServiceEmulator:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        if self._thread.is_alive():
            self.stop()

    def stop(self) -> None:
        """Down: connections are refused from here on."""
        with contextlib.suppress(OSError):
            self._server.close()
        self._thread.join()

    def fault(self, operation: str, name: str, *, times: int | None = None, **options: Any) -> None:
        """Arm a fault of the catalogue, for ever unless `times` says otherwise."""
        self.faults.arm(
            self.vendor.name, operation, faults.named(self.vendor.name, operation, name, **options), times=times
        )
