"""A site below a path of its host: what `public_url` says, and nothing that a client could send."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def path_of(public_url: str) -> str:
    """`/lumi` of `https://example.com/lumi`, empty where the site has the host for itself."""
    return urlsplit(public_url).path.rstrip("/")


class Below:
    """Links, redirects and cookies get the path, whether the proxy in front passes it on or takes it off."""

    def __init__(self, app: WSGIApplication, path: str) -> None:
        self._app = app
        self._path = unquote_to_bytes(path).decode("latin-1")  # as WSGI has it (PEP 3333)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = environ.get("PATH_INFO", "")
        if f"{asked}/".startswith(f"{self._path}/"):
            environ["PATH_INFO"] = asked[len(self._path) :] or "/"
        environ["SCRIPT_NAME"] = self._path
        return self._app(environ, start_response)
