"""One mail through the operator's SMTP server (RFC 5321), encrypted wherever the server can."""

from __future__ import annotations

import ipaddress
import logging
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import SplitResult, unquote, urlsplit

from lumi_box.config.schema import AccountsConfig
from lumi_box.errors import Unavailable, marked

TIMEOUT_SECONDS = 5.0  # for each wait; a mail takes a handful of them
CANNOT_SEND = marked("The mail could not be sent. Try again later, or ask the operator.")

logger = logging.getLogger(__name__)


def send(config: AccountsConfig, to: str, subject: str, text: str) -> None:
    """Hand the mail to the server; Unavailable when it does not take it. Never inside a transaction."""
    assert config.smtp_url is not None and config.mail_from is not None  # noqa: S101  # the config has both or neither
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = config.mail_from, to, subject
    message["Date"], message["Message-ID"] = formatdate(usegmt=True), make_msgid(domain="lumi-box.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    server = urlsplit(config.smtp_url)
    try:
        with _connected(server) as smtp:
            if server.username:
                smtp.login(unquote(server.username), unquote(server.password or ""))
            smtp.send_message(message, to_addrs=[to])
    except (OSError, smtplib.SMTPException, ValueError) as error:  # a ValueError: an address that is not ASCII
        # Its text may quote the recipient and what the server was told.
        logger.warning("mail not sent server=%s error=%s", server.hostname, _kind(error))
        raise Unavailable(CANNOT_SEND, code="smtp") from None


def _connected(server: SplitResult) -> smtplib.SMTP:
    """smtps speaks TLS from the first byte; smtp turns to it as soon as the server offers to (RFC 3207)."""
    host = server.hostname or ""
    context = ssl.create_default_context()
    if server.scheme == "smtps":
        return smtplib.SMTP_SSL(host, server.port or 465, timeout=TIMEOUT_SECONDS, context=context)
    smtp = smtplib.SMTP(host, server.port or 587, timeout=TIMEOUT_SECONDS)
    try:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=context)
        elif server.username and not _is_this_machine(host):
            raise smtplib.SMTPNotSupportedError("no STARTTLS: the password would go in the clear")
    except BaseException:
        smtp.close()
        raise
    return smtp


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _kind(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    return f"{type(error).__name__} {code}" if code is not None else type(error).__name__
