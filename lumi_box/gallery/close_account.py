"""The end of an account: all that its user has made, marked, and is."""

from __future__ import annotations

from lumi_box import listing
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import Conflict
from lumi_box.gallery import interact, publish
from lumi_box.storage import ledger
from lumi_box.tables.account import AccessToken, User
from lumi_box.tables.base import transaction
from lumi_box.tables.generation import GeneratedModel, GenerationRequest
from lumi_box.tables.interaction import Interaction


def close_account(box: Box, user: User) -> None:
    """Lock it, then delete its requests one by one, then the account; the files go afterwards, retried until gone.

    What was paid stays in the books. Interrupted, it leaves a locked account, and can be run again. Conflict for the
    last administrator, without whom nobody could let anybody in.
    """
    with transaction():
        others = (User.id != user.id) & User.is_admin & User.disabled_at.is_null()
        if user.is_admin and not User.select().where(others).exists():
            raise Conflict("The last administrator's account cannot be deleted.")
        User.update(disabled_at=now_ms()).where(User.id == user.id, User.disabled_at.is_null()).execute()
        AccessToken.delete().where(AccessToken.user == user).execute()
    for request in GenerationRequest.select().where(GenerationRequest.user == user):
        publish.delete_request(box, request)
    with transaction():
        for mark in Interaction.select().where(Interaction.user == user):
            counter = interact.COUNTERS[mark.kind]
            GeneratedModel.update({counter: counter - 1}).where(GeneratedModel.id == mark.model_id).execute()
        ledger.doom_user(user.id)
        User.delete().where(User.id == user.id).execute()
        listing.note()
