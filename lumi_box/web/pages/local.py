"""Where a form may send the reader next: never to another host."""

from __future__ import annotations

from urllib.parse import urlsplit


def local_path(wanted: str | None, otherwise: str) -> str:
    """`wanted` if it is a path of this site, else `otherwise`.

    Browsers read a backslash as a slash and drop tabs and newlines, so both could hide a host.
    """
    if not wanted or not wanted.startswith("/") or wanted.startswith("//"):
        return otherwise
    if "\\" in wanted or any(ord(char) <= 32 or ord(char) == 127 for char in wanted):
        return otherwise
    parts = urlsplit(wanted)
    return otherwise if parts.scheme or parts.netloc else wanted
