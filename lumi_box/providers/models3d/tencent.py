"""Models by Tencent Cloud's Hunyuan 3D (ai3d), Rapid or Pro, from a picture."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lumi_box.config import Config
from lumi_box.errors import AnswerLost, Busy, Refused, Unavailable, UpstreamError
from lumi_box.providers.base import ModelOrder, Pending, Ready, Ticket
from lumi_box.providers.messages import LOST_MODEL, NO_RESULT_FORMAT
from lumi_box.providers.models3d.tencent_api import TencentApi, skew_text
from lumi_box.providers.models3d.tencent_errors import ERRORS
from lumi_box.providers.vendor_errors import Told

if TYPE_CHECKING:
    from lumi_box.meshes.mesh import TexturedMesh

ACTIONS = {
    "rapid": ("SubmitHunyuanTo3DRapidJob", "QueryHunyuanTo3DRapidJob"),
    "pro": ("SubmitHunyuanTo3DProJob", "QueryHunyuanTo3DProJob"),
}
USABLE = ("OBJ", "GLB")
NO_JOB = "1"  # an id that no job has


def build(config: Config) -> TencentModels:
    return TencentModels(TencentApi(config.providers.tencent), config)


class TencentModels:
    name = "tencent"
    metered = True

    def __init__(self, api: TencentApi, config: Config) -> None:
        self._api, self._config = api, config
        self._edition, self._format = config.providers.tencent.edition, config.providers.tencent.result_format
        self._submit, self._query = ACTIONS[self._edition]

    def submit(self, order: ModelOrder) -> Ticket:
        response = self._api.submit(self._submit, self._request(order))
        ticket = response.get("JobId")
        if not isinstance(ticket, str | int) or not str(ticket):
            raise AnswerLost(LOST_MODEL, code="answer_lost", vendor_text="no JobId")
        return Ticket(str(ticket))

    def poll(self, ticket: Ticket) -> Pending | Ready:
        response = self._api.query(self._query, {"JobId": ticket.id})
        status = response.get("Status")
        if status == "FAIL":
            raise _failed(response)
        if status == "DONE":
            return Ready(json.dumps(list(_files(response))))
        if not status:
            raise Unavailable(LOST_MODEL, code="bad_answer", request_id=str(response.get("RequestId", "")))
        return Pending()  # WAIT, RUN, or a state that is new to us

    def fetch(self, ready: Ready, order: ModelOrder, workdir: Path) -> TexturedMesh:
        from lumi_box.providers.models3d.delivery import bring_home  # numpy stays out of the web process

        try:
            return bring_home(self._chosen(json.loads(ready.reference)), workdir, self._config)
        except Refused as error:
            if error.code != "result_expired":
                raise
            # The next query brings new addresses; after 24 hours it says that there is no such job.
            raise Unavailable(str(error), code=error.code, vendor_text=error.vendor_text) from error

    def check(self) -> str:
        """A job that cannot exist is asked for, free of charge: who is told so has a key that is accepted."""
        skew, error = self._api.skew_seconds(self._query, {"JobId": NO_JOB})
        if error is not None and not _is_about_the_job(error):
            raise error
        known = f"Tencent Cloud ai3d answers and accepts the key; models are built by its {self._edition} edition."
        return f"{known} {skew_text(skew)}".rstrip()

    def _request(self, order: ModelOrder) -> dict[str, Any]:
        from lumi_box.providers.models3d.upload import fitted  # Pillow stays out of the web process

        picture = base64.b64encode(fitted(order.picture.data)).decode()
        fields = {"ImageBase64": picture, "EnablePBR": False}
        # Pro knows neither of our formats as a wish: it delivers OBJ and GLB when none is named.
        return fields | ({"ResultFormat": self._format} if self._edition == "rapid" else {})

    def _chosen(self, files: list[dict[str, str]]) -> str:
        """The address of the configured kind, or else of the other that we can read."""
        for kind in (self._format, *USABLE):
            for file in files:
                if file["Type"].upper() == kind:
                    return file["Url"]
        told = f"delivered: {', '.join(file['Type'] for file in files) or 'nothing'}"
        # Asking again is free, and the files may be late.
        raise Unavailable(NO_RESULT_FORMAT, code="no_result", vendor_text=told)


def _failed(response: dict[str, Any]) -> UpstreamError:
    code, message = response.get("ErrorCode") or "FAIL", response.get("ErrorMessage") or ""
    found = Told(str(code), str(message), 200, str(response.get("RequestId", "")))
    return ERRORS.error(found, ticket_dead=True)


def _files(response: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Entries come in no guaranteed order and may lack anything."""
    entries = response.get("ResultFile3Ds")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("Type"), str) and isinstance(entry.get("Url"), str):
            yield {"Type": entry["Type"], "Url": entry["Url"]}


def _is_about_the_job(error: UpstreamError) -> bool:
    """Refused for its JobId, or for asking too often: either way by a vendor that knows who is asking."""
    return not error.alert and (isinstance(error, Refused | Busy) or error.ticket_dead)
