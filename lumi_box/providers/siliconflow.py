"""What SiliconFlow's pictures and its chat have in common: the client, and the table of errors.

Its error bodies are not uniform, so that the HTTP status counts as much as the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lumi_box.providers.http import Answer, Client
from lumi_box.providers.messages import PICTURES, TEXTS
from lumi_box.providers.vendor_errors import Meaning, Row, Told, VendorErrors, told

if TYPE_CHECKING:
    from lumi_box.config.schema import SiliconflowConfig

_REFUSING = (400, 403, 451)  # statuses seen or likely for moderation, which the documentation does not describe

ROWS = (
    Row("20012", Meaning.ACCOUNT),
    Row("20015", Meaning.UNSUPPORTED),
    Row("30001", Meaning.QUOTA),
    Row("50505", Meaning.BUSY),
    Row("50507", Meaning.FAILED),
    Row("", Meaning.MODERATED, statuses=(451,)),
    Row(
        "",
        Meaning.MODERATED,
        statuses=_REFUSING,
        phrases=("sensitive", "inappropriate", "policy", "safety", "moderation", "prohibited", "违规", "敏感", "不当"),
    ),
    Row("", Meaning.QUOTA, statuses=(402, 403), phrases=("balance",)),
    Row("", Meaning.BUSY, statuses=(429,)),
    Row("", Meaning.BUSY, statuses=(429,), phrases=("RPM limit", "TPM limit", "IPM limit"), retry_after=20),
    Row("", Meaning.BUSY, statuses=(429,), phrases=("RPH limit",), retry_after=600),
    Row("", Meaning.DAY_LIMIT, statuses=(429,), phrases=("RPD limit", "TPD limit", "IPD limit")),
)

PICTURE_ERRORS = VendorErrors(ROWS, PICTURES)
CHAT_ERRORS = VendorErrors(ROWS, TEXTS)


def client(settings: SiliconflowConfig, *, name: str) -> Client:
    return Client(
        settings.endpoint,
        timeout_seconds=settings.timeout_seconds,
        headers={"Authorization": f"Bearer {settings.api_key}"},
        vendor="siliconflow",
        name=name,
    )


def read_error(answer: Answer) -> Told:
    """An object with or without a code, a JSON string, or whatever a gateway says."""
    if isinstance(answer.body, dict):
        return told(answer, answer.body.get("code"), answer.body.get("message"))
    return told(answer, None, answer.body)
