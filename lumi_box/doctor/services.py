"""Those whom lumi-box asks: the providers, without buying anything, and the user service."""

from __future__ import annotations

from peewee import PeeweeException

from lumi_box.accounts.user_service import UserService
from lumi_box.box import Box
from lumi_box.doctor.finding import Sick
from lumi_box.doctor.hints import CONSOLE
from lumi_box.jobs import alerts
from lumi_box.providers.base import ImageProvider, ModelProvider, PromptWriter


def check_image_provider(box: Box) -> str:
    return _asked(box.image_provider)


def check_model3d_provider(box: Box) -> str:
    return _asked(box.model_provider)


def check_prompt_provider(box: Box) -> str:
    if box.prompt_writer is None:
        return "None is configured: prompts are painted as they are written."
    return _asked(box.prompt_writer)


def _asked(provider: ImageProvider | ModelProvider | PromptWriter) -> str:
    """What the provider answers where it can be asked without cost; and what it has refused lately for want of you."""
    found = provider.check()
    try:
        refused = [alert for alert in alerts.standing() if alert.provider == provider.name]
    except PeeweeException:
        return f"{found} What it has refused lately, the database could not tell."
    if refused:
        words = "; ".join(f"{alert.code}: {alert.text}" for alert in refused)
        raise Sick(f"It is reachable, but has refused work: {words}", CONSOLE)
    return found


def check_user_service(box: Box) -> str:
    if box.config.accounts.mode != "user_service":
        return "Accounts are local."
    return f"{UserService(box.config.accounts).probe()} It is at {box.config.accounts.user_service_url}."
