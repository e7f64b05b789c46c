"""Pure: the body of a delivery, out of what was noted when the task or model ended.

It is noted with storage keys where addresses belong. The addresses are made for each attempt, because they expire.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lumi_box.clock import iso
from lumi_box.tables.webhook import WebhookDelivery

MARK = "$file"


def address_later(key: str | None, *, public: bool = False) -> Any:
    """What stands for the address of a stored object until it is sent."""
    return {MARK: key} if key else None


def noted(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def body(delivery: WebhookDelivery, address: Callable[[str], str]) -> bytes:
    def with_addresses(found: dict[str, Any]) -> Any:
        return address(found[MARK]) if found.keys() == {MARK} else found

    data = json.loads(delivery.data, object_hook=with_addresses)
    told = {"id": delivery.id, "type": delivery.type, "createdAt": iso(delivery.created_at), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
