"""Signing in, signing up and codes by e-mail, whoever keeps the accounts: one function for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lumi_box.accounts import codes, local, mail
from lumi_box.accounts.user_service import UserService
from lumi_box.config import Config
from lumi_box.errors import Invalid, NotAllowed, NotConfigured, TooMany, Unavailable, marked
from lumi_box.tables import window
from lumi_box.tables.account import User

NO_MAIL = marked("Codes by e-mail are not set up here. Sign in with a password, or ask the operator.")
CLOSED = marked("Registration is closed here. Ask the operator for an account.")
TOO_MANY_NEW = marked("Too many accounts were made from here. Try again later.")
HOUR_MS, NEW_PER_ORIGIN_AN_HOUR = 3_600_000, 20

# Subject and text of the mail for a purpose; the code is None for an address that gets a notice instead.
Letter = Callable[[str, str | None], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Proven:
    """Who it is; `token` is the user service's own, where there is one."""

    user: User
    token: str | None = None


class People:
    """The accounts of one box, by its config."""

    def __init__(self, config: Config) -> None:
        self._config, self._accounts = config, config.accounts
        self._key = config.security.cookie_secret
        self.service = UserService(config.accounts) if config.accounts.mode == "user_service" else None

    @property
    def codes_work(self) -> bool:
        return self.service is not None or self._accounts.smtp_url is not None

    @property
    def open(self) -> bool:
        """Whether strangers may register: a user service decides for itself."""
        return self.service is not None or self._accounts.registration == "open"

    def send_code(self, email: str, purpose: str, origin: str, letter: Letter) -> None:
        """The same for known and unknown addresses: one mail, which holds a code only where that would help."""
        email = local.normal_email(email)
        if not self.codes_work:
            raise NotConfigured(NO_MAIL)
        if purpose == codes.REGISTER and not self.open:
            raise NotAllowed(CLOSED)
        if self.service is not None:
            codes.require_room(email, origin)
            self.service.send_code(email, purpose)
            return
        code = codes.make(self._key, email, purpose, origin)
        known = User.select().where(User.email == email, User.disabled_at.is_null()).exists()
        subject, text = letter(purpose, code if known == (purpose == codes.LOGIN) else None)
        try:
            mail.send(self._accounts, email, subject, text)
        except Unavailable:
            codes.withdraw(email, purpose)
            raise

    def register(self, email: str, origin: str, *, password: str | None = None, code: str | None = None) -> User | None:
        """The new user; None where it is the user service's, which tells only at sign-in."""
        email = local.normal_email(email)
        if not self.open:
            raise NotAllowed(CLOSED)
        if not window.take(f"accounts-by:{origin}", HOUR_MS, NEW_PER_ORIGIN_AN_HOUR):
            raise TooMany(TOO_MANY_NEW, retry_after=window.seconds_left(HOUR_MS))
        if self.service is not None:
            if code is None:
                raise Invalid({"code": ["is needed: the user service registers by e-mail"]})
            self.service.register(email, code)
            return None
        if code is None:
            return local.create(email, password)
        if not self.codes_work:
            raise NotConfigured(NO_MAIL)
        with local.attempt(email, origin):
            codes.redeem(self._key, email, codes.REGISTER, code)
        return local.create(email, None)

    def prove(self, email: str, origin: str, *, password: str | None = None, code: str | None = None) -> Proven:
        """Who has this password or code. Raises NotAllowed, TooMany; Unavailable when the user service fails."""
        if self.service is not None and (code is not None or local.with_password(email) is None):
            email = local.normal_email(email)
            with local.attempt(email, origin):
                return Proven(*self.service.login(email, code=code, password=password))
        if code is None:
            return Proven(local.authenticate(email, password or "", origin))
        return Proven(self._by_code(email, code, origin))

    def _by_code(self, email: str, code: str, origin: str) -> User:
        email = local.normal_email(email)
        if not self.codes_work:
            raise NotConfigured(NO_MAIL)
        with local.attempt(email, origin):
            codes.redeem(self._key, email, codes.LOGIN, code)
            user: User | None = User.get_or_none(User.email == email, User.disabled_at.is_null())
            if user is None:
                raise NotAllowed(codes.WRONG)
        return user
