"""The mails that we send, in the reader's language."""

from __future__ import annotations

from flask import current_app
from flask_babel import gettext

from lumi_box.accounts import codes


def with_code(purpose: str, code: str | None) -> tuple[str, str]:
    """Subject and text. Without a code it says why there is none: only who reads the mailbox learns it."""
    if code is not None:
        subject = gettext("Your Lumi Box code: %(code)s", code=code)
        text = gettext("Your code is %(code)s. It works once, within ten minutes. Give it to nobody.", code=code)
    elif purpose == codes.LOGIN:
        subject = gettext("Signing in to Lumi Box")
        text = gettext("Somebody wants to sign in with this address, but there is no account for it here.")
    else:
        subject = gettext("Your Lumi Box account")
        text = gettext("Somebody wants to register this address, but it has an account already: sign in with it.")
    unasked = gettext("If that was not you, there is nothing to do.")
    return subject, f"{text}\n\n{unasked}\n\n{current_app.config['PUBLIC_URL']}\n"
