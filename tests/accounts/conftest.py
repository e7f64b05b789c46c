"""The web tests' application and clients, for accounts."""

from web.conftest import app, client

__all__ = ["app", "client"]
