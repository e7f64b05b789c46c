"""Accounts of an external user service: it proves who somebody is, and we keep a row for what is theirs here.

A failure of the service is never an answer about a person: it raises Unavailable, which lets nobody in and signs
nobody out. Every call is made once: a second `random_code` would send a second mail, and a code works once.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peewee import IntegrityError

from lumi_box.accounts import tokens
from lumi_box.config.schema import AccountsConfig
from lumi_box.errors import NotAllowed, Unavailable, marked
from lumi_box.providers.http import NONE, Answer, Client
from lumi_box.tables.account import User

BUDGET_SECONDS = 2.5  # of one question, all its calls together: whoever asks hears of an outage within 3 s
CALLS_AT_ONCE, QUEUE_SECONDS = 16, 0.2  # a service that hangs must not take every thread of the process with it
REMEMBERED = 10_000
NOBODY_SECONDS = 5.0  # for which a token that the service does not know is not asked about again
LIMIT_BYTES = 65_536
OK, SIGNED_OUT = 200, 401
NOBODY = "nobody"
DOWN = marked("The user service does not answer. Try again in a minute.")
LOCKED = marked("This account is locked here. Ask the operator.")
NAME_LENGTH, ADDRESS_LENGTH, AVATAR_LENGTH, ID_LENGTH = 64, 254, 500, 191

_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the service said: `{"code", "msg", "data"}`."""

    code: int
    message: str
    data: Any


class UserService:
    """Safe to share between threads; each process remembers for itself whose a token is."""

    def __init__(self, config: AccountsConfig) -> None:
        assert config.user_service_url is not None  # required in this mode  # noqa: S101
        self._url = config.user_service_url
        self._client = self._with_timeout(BUDGET_SECONDS)
        self._known = _Memory(config.user_service_cache_seconds)
        self._nobody = _Memory(min(NOBODY_SECONDS, config.user_service_cache_seconds))
        self._slots = threading.BoundedSemaphore(CALLS_AT_ONCE)

    def user_of(self, secret: str) -> User | None:
        """Whose token this is; None when the service says that it is nobody's, or it was revoked here."""
        if not _TOKEN.fullmatch(secret) or tokens.is_revoked(secret):
            return None
        key = tokens.hashed(secret)
        user_id = self._known.get(key)
        if user_id is None:
            if self._nobody.get(key) is not None:
                return None
            user = self._ask_who(secret, self._client)
            if user is None:
                self._nobody.put(key, NOBODY)
                return None
            user_id = str(user.id)
            self._known.put(key, user_id)
        found: User | None = User.get_or_none(User.id == user_id, User.disabled_at.is_null())
        return found

    def send_code(self, email: str, purpose: str) -> None:
        self._ask_for("/random_code", {"email": email, "type": purpose})

    def register(self, email: str, code: str) -> None:
        self._ask_for("/register", {"email": email, "random_code": code})

    def login(self, email: str, *, code: str | None = None, password: str | None = None) -> tuple[User, str]:
        """The user and the service's token, to be sent back verbatim. Raises NotAllowed with the service's words."""
        begun = time.monotonic()
        if code is not None:
            proof = {"login_type": "code", "email": email, "random_code": code}
        else:
            proof = {"login_type": "password", "email": email, "user_name": "", "password": password or ""}
        given = self._ask_for("/login", proof)
        secret = bare(given) if isinstance(given, str) else ""
        left = BUDGET_SECONDS - (time.monotonic() - begun)
        if not _TOKEN.fullmatch(secret) or left <= 0:
            raise Unavailable(DOWN, code="garbage" if left > 0 else "late")
        user = self._ask_who(secret, self._with_timeout(left))
        if user is None:
            raise Unavailable(DOWN, code="token_refused")
        if User.select().where(User.id == user.id, User.disabled_at.is_null(False)).exists():
            raise NotAllowed(LOCKED)
        key = tokens.hashed(secret)
        self._nobody.drop(key)
        self._known.put(key, str(user.id))
        return user, f"Bearer {secret}"

    def logout(self, user: User, secret: str) -> None:
        """The token is dead here at once and on every node; the service is told if it listens."""
        tokens.revoke_elsewhere(user, secret)
        self._known.drop(tokens.hashed(secret))
        self._ask("POST", "/logout", self._client, {}, _bearer(secret))

    def probe(self) -> str:
        """Ask who nobody is: only a service that works says that it does not know."""
        said = self._ask("GET", "/info", self._client, headers=_bearer("lumi-box-health-check"))
        if said.code != SIGNED_OUT:
            raise Unavailable(DOWN, code="unexpected", vendor_text=f"code {said.code} for a token that nobody has")
        return "The user service answers."

    def _ask_for(self, path: str, body: dict[str, str]) -> Any:
        said = self._ask("POST", path, self._client, body)
        if said.code != OK:
            raise NotAllowed(said.message or "The user service refused.")
        return said.data

    def _ask_who(self, secret: str, client: Client) -> User | None:
        said = self._ask("GET", "/info", client, headers=_bearer(secret))
        if said.code == SIGNED_OUT:
            return None
        if said.code != OK or not isinstance(said.data, dict):
            raise Unavailable(DOWN, code="garbage", vendor_text=f"code {said.code} from /info")
        return mirror(said.data)

    def _ask(
        self, method: str, path: str, client: Client, body: Any = None, headers: Mapping[str, str] = NONE
    ) -> Envelope:
        if not self._slots.acquire(timeout=QUEUE_SECONDS):
            raise Unavailable(DOWN, code="crowded")
        try:
            answer = client.call(method, f"/api/v1.0{path}", json=body, headers=headers)
        except Unavailable as error:
            raise Unavailable(DOWN, code=error.code, vendor_text=error.vendor_text) from None
        finally:
            self._slots.release()
        return _read(answer)

    def _with_timeout(self, seconds: float) -> Client:
        name = "user service"
        return Client(self._url, timeout_seconds=seconds, headers={}, vendor=name, name=name, limit_bytes=LIMIT_BYTES)


class _Memory:
    """Which user a token's hash stands for, or that it is nobody's: bounded, and forgotten after a while."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._found: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, key: str) -> str | None:
        with self._guard:
            user_id, until = self._found.get(key, ("", 0.0))
            return user_id if time.monotonic() < until else None

    def put(self, key: str, user_id: str) -> None:
        with self._guard:
            self._found[key] = (user_id, time.monotonic() + self._seconds)
            self._found.move_to_end(key)
            while len(self._found) > REMEMBERED:
                self._found.popitem(last=False)

    def drop(self, key: str) -> None:
        with self._guard:
            self._found.pop(key, None)


def bare(token: str) -> str:
    """Without the word `Bearer`, which the service may or may not put before it."""
    scheme, _, rest = token.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else token.strip()


def mirror(profile: dict[str, Any]) -> User:
    """Our row for a user of the service, made or brought up to date; Unavailable when it does not say who it is."""
    external = profile.get("user_id")
    if not isinstance(external, str) or not 1 <= len(external) <= ID_LENGTH:
        raise Unavailable(DOWN, code="garbage", vendor_text="a user without user_id")
    told = _columns(profile)
    user = User.get_or_none(User.external_id == external)
    if user is None:
        user = _new_row(external, told)
    changed = {name: value for name, value in told.items() if getattr(user, name) != value}
    if changed:
        _update(user, changed)
    return user


def _columns(profile: dict[str, Any]) -> dict[str, str | None]:
    email = _text(profile, "email", ADDRESS_LENGTH).lower()
    avatar = _text(profile, "avatar", AVATAR_LENGTH)
    names = {name: _text(profile, name, NAME_LENGTH) for name in ("user_name", "nick_name")}
    names["user_name"] = names["user_name"] or names["nick_name"] or email.partition("@")[0] or "user"
    return {**names, "email": email or None, "avatar": avatar if avatar.startswith(("https://", "http://")) else ""}


def _text(profile: dict[str, Any], name: str, length: int) -> str:
    return _printable(profile.get(name), length).strip()


def _printable(value: object, length: int) -> str:
    return "".join(letter for letter in value if letter.isprintable())[:length] if isinstance(value, str) else ""


def _new_row(external: str, told: dict[str, str | None]) -> User:
    """An address that an account here has already stays with that one: the service must not take it over."""
    for columns in (told, told | {"email": None}):
        try:
            row: User = User.create(external_id=external, **columns)
            return row
        except IntegrityError:  # the address is taken, or another request has made this row just now
            found: User | None = User.get_or_none(User.external_id == external)
            if found is not None:
                return found
    raise Unavailable(DOWN, code="mirror")


def _update(user: User, changed: dict[str, str | None]) -> None:
    try:
        User.update(**changed).where(User.id == user.id).execute()
    except IntegrityError:
        changed.pop("email", None)
        if changed:
            User.update(**changed).where(User.id == user.id).execute()
    for name, value in changed.items():
        setattr(user, name, value)


def _read(answer: Answer) -> Envelope:
    """The envelope; a business error may come with a 4xx, but a 5xx is a failure whatever its body says."""
    body = answer.body
    code = body.get("code") if isinstance(body, dict) else None
    if not isinstance(body, dict) or answer.status >= 500 or not isinstance(code, int) or isinstance(code, bool):
        raise Unavailable(DOWN, code=f"http_{answer.status}")
    if not 200 <= answer.status < 300 and code == OK:
        raise Unavailable(DOWN, code=f"http_{answer.status}")
    return Envelope(code, _printable(body.get("msg"), 200), body.get("data"))


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
