"""One mail through the operator's SMTP server (RFC 5321), encrypted wherever the server can."""

from __future__ import annotations

import ipaddress
import logging
import smtplib
import socket
import ssl
from contextlib import closing, suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, cast
from urllib.parse import SplitResult, unquote, urlsplit

from lumi_box.config.schema import AccountsConfig
from lumi_box.errors import Unavailable, marked
from lumi_box.providers.transport import Deadline, TimedSocket, connect, resolve

SECONDS = 10.0  # for the whole mail, however slowly the server speaks; who asked for it is waiting
TIMEOUT_SECONDS = 5.0  # for each wait
CANNOT_SEND = marked("The mail could not be sent. Try again later, or ask the operator.")

logger = logging.getLogger(__name__)


def send(config: AccountsConfig, to: str, subject: str, text: str) -> None:
    """Hand the mail to the server; Unavailable when it does not take it in time. Never inside a transaction."""
    assert config.smtp_url is not None and config.mail_from is not None  # noqa: S101  # the config has both or neither
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = config.mail_from, to, subject
    message["Date"], message["Message-ID"] = formatdate(usegmt=True), make_msgid(domain="lumi-box.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    server = urlsplit(config.smtp_url)
    try:
        with closing(_connected(server, Deadline(SECONDS, TIMEOUT_SECONDS))) as smtp:
            if server.username:
                smtp.login(unquote(server.username), unquote(server.password or ""))
            smtp.send_message(message, to_addrs=[to])
            with suppress(OSError, smtplib.SMTPException):  # it has been taken: how the farewell goes changes nothing
                smtp.quit()
    except (OSError, smtplib.SMTPException, ValueError) as error:  # a ValueError: an address that is not ASCII
        # Its text may quote the recipient and what the server was told.
        logger.warning("mail not sent server=%s error=%s", server.hostname, _kind(error))
        raise Unavailable(CANNOT_SEND, code="smtp") from None


class _Smtp(smtplib.SMTP):
    """smtplib's client, of which every wait keeps one deadline: for the name, the connection, TLS, each answer."""

    def __init__(self, host: str, port: int, deadline: Deadline, *, secure: bool) -> None:
        self._deadline, self._secure = deadline, secure
        super().__init__(host, port, local_hostname=_own_name())

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        self._plain = connect(resolve(host, port, self._deadline), self._deadline)
        return self.wrap_socket(None, host) if self._secure else TimedSocket(self._plain, lambda: self._deadline)

    def turn_to_tls(self) -> None:
        self.starttls(context=cast(ssl.SSLContext, self))  # of which it wants `wrap_socket`

    def wrap_socket(self, _: object, server_hostname: str) -> Any:
        self._plain.settimeout(self._deadline.left())
        secured = ssl.create_default_context().wrap_socket(self._plain, server_hostname=server_hostname)
        return TimedSocket(secured, lambda: self._deadline)


def _connected(server: SplitResult, deadline: Deadline) -> _Smtp:
    """smtps speaks TLS from the first byte; smtp turns to it as soon as the server offers to (RFC 3207)."""
    host = server.hostname or ""
    if server.scheme == "smtps":
        return _Smtp(host, server.port or 465, deadline, secure=True)
    smtp = _Smtp(host, server.port or 587, deadline, secure=False)
    try:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.turn_to_tls()
        elif server.username and not _is_this_machine(host):
            raise smtplib.SMTPNotSupportedError("no STARTTLS: the password would go in the clear")
    except BaseException:
        smtp.close()
        raise
    return smtp


def _own_name() -> str:
    """How this machine introduces itself. smtplib would ask the name server, which may take its time."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _kind(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    return f"{type(error).__name__} {code}" if code is not None else type(error).__name__
