"""Accounts: who keeps them, who may have one, and the mails about them."""

from __future__ import annotations

from config.effects import effect
from config.effects.world import outcome

from lumi_box.accounts.people import People

SERVICE = {"accounts.mode": "user_service", "accounts.user_service_url": "{url}"}
PROFILE = {"code": 200, "msg": "", "data": {"user_id": "u1", "user_name": "maker"}}


def _asked_who(world, config, times=1):
    """Somebody calls with a token that is none of ours; how often the service is asked whose it is."""
    world.recorder.says(PROFILE)
    before = len(world.recorder.asked)
    client = world.client(config)
    answers = [client.get("/api/v1/auth/me", headers={"Authorization": "Bearer theirs"}).json for _ in range(times)]
    return [asked.path for asked in world.recorder.asked[before:]], answers[-1]["data"]["status"]


@effect(
    "accounts.mode",
    ("local", ([], "unauthenticated")),
    ("user_service", (["/api/v1.0/info"], "authenticated")),
    given=SERVICE,
)
@effect(
    "accounts.user_service_url",
    ("{url}", (["/api/v1.0/info"], "authenticated")),
    ("{url}/people", (["/people/api/v1.0/info"], "authenticated")),
    given=SERVICE,
)
def whom_it_asks_whose_a_token_is(world, config):
    return _asked_who(world, config)


@effect("accounts.user_service_cache_seconds", (0, 3), (60, 1), given=SERVICE)
def how_often_it_asks_in_three_calls(world, config):
    return len(_asked_who(world, config, 3)[0])


@effect("accounts.registration", ("closed", 403), ("open", 201))
def whether_a_stranger_gets_an_account(world, config):
    body = {"email": "new@example.org", "password": "correct horse battery"}
    return world.client(config).post("/api/v1/auth/register", json=body).status_code


@effect(
    "accounts.smtp_url",
    ("smtp://{mail}", ["Lumi <lumi@example.com>"]),
    ("smtp://127.0.0.1:1", []),
    given={"accounts.mail_from": "Lumi <lumi@example.com>"},
)
@effect(
    "accounts.mail_from",
    ("Lumi <lumi@example.com>", ["Lumi <lumi@example.com>"]),
    ("box@example.net", ["box@example.net"]),
    given={"accounts.smtp_url": "smtp://{mail}"},
)
def from_whom_a_code_comes(world, config):
    world.box(config)
    before = len(world.mails)
    outcome(lambda: People(config).send_code("a@example.org", "login", "192.0.2.1", lambda *_: ("Code", "A code.")))
    return [mail["From"] for mail in world.mails[before:]]
