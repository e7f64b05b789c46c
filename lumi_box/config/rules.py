"""Rules of the config file that look at more than one key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lumi_box.config.errors import KeyPath, Problem, dotted
from lumi_box.config.tree import declared

# When the first key has the value, the keys after it are required.
_NEEDS: tuple[tuple[KeyPath, str, tuple[KeyPath, ...]], ...] = (
    (("storage", "kind"), "disk", (("storage", "disk", "path"),)),
    (
        ("storage", "kind"),
        "s3",
        tuple(("storage", "s3", n) for n in ("endpoint", "region", "bucket", "access_key_id", "secret_access_key")),
    ),
    (("providers", "image"), "aliyun", (("providers", "aliyun", "api_key"),)),
    (("providers", "image"), "siliconflow", (("providers", "siliconflow", "api_key"),)),
    (
        ("providers", "prompt"),
        "siliconflow",
        (("providers", "siliconflow", "api_key"), ("providers", "siliconflow", "llm_model")),
    ),
    (("providers", "prompt"), "qwen", (("providers", "qwen", "api_key"),)),
    (
        ("providers", "model3d"),
        "tencent",
        (("providers", "tencent", "secret_id"), ("providers", "tencent", "secret_key")),
    ),
    (("accounts", "mode"), "user_service", (("accounts", "user_service_url"),)),
    (("slicer", "kind"), "command", (("slicer", "command"),)),
    (("slicer", "kind"), "service", (("slicer", "url"),)),
)
_DEV = 'mode = "development"'


def cross_faults(values: dict[str, Any], folder: Path, *, development: bool) -> Iterator[Problem]:
    """Problems between keys that are each sound; at most one a key."""
    told: set[KeyPath] = set()
    for path, text in [*_needed(values), *_in_the_store(values, folder), *([] if development else _production(values))]:
        if path not in told:
            told.add(path)
            yield path, text


def lookup(values: dict[str, Any], path: KeyPath) -> Any:
    """What the file says for a key, None where it says nothing. No default is enough to make another key required."""
    table: Any = values
    for part in path[:-1]:
        table = table.get(part, {})
    return table.get(path[-1])


def _needed(values: dict[str, Any]) -> Iterator[Problem]:
    for when, value, paths in _NEEDS:
        if lookup(values, when) != value:
            continue
        for path in paths:
            if lookup(values, path) is None:
                yield path, f'is required with {dotted(when)} = "{value}"; {declared()[path].rule.hint}'
    if lookup(values, ("sentry", "dsn")) is not None and find_spec("sentry_sdk") is None:
        yield ("sentry", "dsn"), "needs sentry-sdk, which is not installed; run: pip install 'lumi-box[sentry]'"
    accounts = values.get("accounts", {})
    if "smtp_url" in accounts and "mail_from" not in accounts:
        path = ("accounts", "mail_from")
        yield path, f"is required with accounts.smtp_url; {declared()[path].rule.hint}"


def _in_the_store(values: dict[str, Any], folder: Path) -> Iterator[Problem]:
    """What no row knows is removed from the store's folder."""
    store, backups = lookup(values, ("storage", "disk", "path")), lookup(values, ("backup", "directory"))
    if lookup(values, ("storage", "kind")) != "disk":
        return
    url = lookup(values, ("database", "url")) or ""
    rows = url.removeprefix("sqlite:///") if url.startswith("sqlite:") else None
    for path, place in ((("database", "url"), rows), (("backup", "directory"), backups)):
        if store and place and Path(os.path.normpath(folder / place)).is_relative_to(os.path.normpath(folder / store)):
            yield path, "lies in storage.disk.path, where the sweep would remove it; expected another folder"


def _production(values: dict[str, Any]) -> Iterator[Problem]:
    if not values.get("public_url"):
        where = "expected the URL at which browsers reach lumi-box, such as https://lumi.example.com"
        yield ("public_url",), f"is required in production; {where}"
    providers = values.get("providers", {})
    for name in ("image", "model3d"):
        if providers.get(name) == "builtin":
            others = declared()["providers", name].rule.hint.removesuffix(", builtin")
            yield ("providers", name), f"builtin is for development only; {others} (or {_DEV})"
    for vendor, keys in providers.items():
        if isinstance(keys, dict) and keys.get("endpoint", "").startswith("http:"):
            yield ("providers", vendor, "endpoint"), f"is not encrypted; expected an https URL (or {_DEV})"
    if "*" in values.get("server", {}).get("cors_origins", ()):
        yield ("server", "cors_origins"), f'"*" is refused in production; expected exact origins (or {_DEV})'
