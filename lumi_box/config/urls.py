"""Addresses in a config file: what is wrong with one (None when nothing is), and the parts of a database URL."""

from __future__ import annotations

import ipaddress
import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

MYSQL_PORT = 3306
_HOST = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])"
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def split(url: str) -> SplitResult | None:
    """The parts of a URL that has a host and, if any, a port that can be; None for anything else."""
    try:
        parts = urlsplit(url)
        sound = parts.hostname is not None and parts.port != 0 and not re.search(r"\s", url)
    except ValueError:  # a port that is no number or too large, a bracket without its pair
        return None
    host = parts.netloc.rpartition("@")[2]
    return parts if sound and re.fullmatch(_HOST + r"(:[0-9]+)?", host) else None


def url_fault(url: str) -> str | None:
    """A web address as others will use it: no user, password, query or fragment in it."""
    parts = split(url)
    if parts is None or parts.scheme not in _DEFAULT_PORTS:
        return "is not an http or https URL"
    if "@" in parts.netloc:
        return "holds a user name or password"
    return "has a query or fragment" if "?" in url or "#" in url else None


def origin_fault(origin: str) -> str | None:
    """An origin exactly as a browser sends it, for anything else would never match; `*` is judged by its own rule."""
    if origin == "*":
        return None
    if "*" in origin:
        return "has a wildcard"
    found = re.fullmatch(rf"([a-z][a-z0-9+.-]*)://{_HOST}(?::([0-9]{{1,5}}))?", origin)
    if found is None or (found[2] is not None and not 1 <= int(found[2]) <= 65535):
        return "has a path" if re.match(rf"[a-z][a-z0-9+.-]*://{_HOST}(:[0-9]+)?/", origin) else "is not an origin"
    if origin != origin.lower():
        return "has capital letters"
    usual = found[2] is not None and _DEFAULT_PORTS.get(found[1]) == found[2]
    return "names the default port, which browsers leave out" if usual else None


def host_fault(host: str) -> str | None:
    """A host name or a bare address to listen on; only URLs write IPv6 addresses in brackets."""
    named = re.fullmatch(_HOST, host) and not host.startswith("[")
    return None if named or _is_ipv6(host) else "is not a host name or address"


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def host_port_fault(place: str) -> str | None:
    """`host` or `host:port`, the form in which a URL names it."""
    found = re.fullmatch(rf"{_HOST}(?::([0-9]{{1,5}}))?", place)
    return None if found and (found[1] is None or 1 <= int(found[1]) <= 65535) else "is not a host"


def http_url(host: str, port: int) -> str:
    """Where a browser on this machine finds a server that listens on `host`."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  # a wildcard can be listened on, but browsers refuse to visit it
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def smtp_fault(url: str) -> str | None:
    parts = split(url)
    if parts is None or parts.scheme not in ("smtp", "smtps"):
        return "is not an smtp or smtps URL with a host"
    return "has a path or a query" if parts.path not in ("", "/") or "?" in url or "#" in url else None


def alert_fault(url: str) -> str | None:
    """Judged by the library that will use it: the moment it is needed is too late to learn of a slip."""
    logging.getLogger("apprise").disabled = True  # it would log what it cannot read, and that may be a secret
    try:
        from apprise import Apprise  # 25 MB that only those need who want alerts
    except ImportError:
        return "cannot be judged: the library apprise is not installed"
    try:
        known = Apprise.instantiate(url) is not None
    except Exception:  # of whichever of its many services
        known = False
    return None if known else "is not an address that alerts can be sent to"


def dsn_fault(url: str) -> str | None:
    parts = split(url)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.username or len(parts.path) < 2:
        return "is not the DSN of a Sentry project"
    return None


def database_fault(url: str) -> str | None:
    if url.startswith("sqlite:"):
        return _sqlite_fault(url)
    if not url.startswith("mysql://"):
        return "is neither a sqlite:/// nor a mysql:// URL"
    parts = split(url)
    if parts is None or "?" in url or "#" in url:
        return "is not a MySQL URL (special characters in the password are written %40 for @, %2F for / and so on)"
    if not parts.username:
        return "names no user"
    return None if re.fullmatch(r"/[^/@]+", parts.path) else "names no database"


def _sqlite_fault(url: str) -> str | None:
    file = url.removeprefix("sqlite:///")
    if file == url or not file:
        return "names no file (three slashes, then its path)"
    if "?" in file or file.endswith("/"):
        return "has options or ends in a slash"
    return "is kept in memory, which the web and worker processes could not share" if ":memory:" in file else None


def database_parts(url: str, folder: Path) -> dict[str, Any]:
    """What a sound database URL says, percent-decoded; SQLite's relative path is taken from `folder`."""
    if url.startswith("sqlite:///"):
        return {"sqlite_path": folder / url.removeprefix("sqlite:///")}
    parts = urlsplit(url)
    return {
        "host": parts.hostname or "",
        "port": parts.port or MYSQL_PORT,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "name": unquote(parts.path[1:]),
    }
