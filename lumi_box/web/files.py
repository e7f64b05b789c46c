"""Stored objects over HTTP: for whoever holds a signed address, for all when public, for their owner always."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from lumi_box.errors import NotFound
from lumi_box.gallery.publish import PUBLIC
from lumi_box.storage import ledger
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.stored_object import StoredObject
from lumi_box.web import addresses
from lumi_box.web.context import box
from lumi_box.web.session import current_user, open_to_all

bp = Blueprint("files", __name__, url_prefix="/files")

FOREVER = "public, max-age=31536000, immutable"
A_DAY = "private, max-age=86400"
CHUNK = 1 << 18


@bp.get("/s/<ticket>/<path:key>")
@open_to_all
def signed(ticket: str, key: str) -> Response:
    row = _stored(key)
    if not addresses.is_valid(ticket, key) and not _is_own(row):
        raise NotFound("There is no such file, or its address has expired.")
    return _serve(row, A_DAY)


@bp.get("/<path:key>")
@open_to_all
def plain(key: str) -> Response:
    row = _stored(key)
    if _is_public(row):
        return _serve(row, FOREVER)
    if _is_own(row):
        return _serve(row, "private, no-cache")
    raise NotFound("There is no such file.")


def _stored(key: str) -> StoredObject:
    row: StoredObject | None = StoredObject.get_or_none(StoredObject.key == key, StoredObject.state == ledger.STORED)
    if row is None:
        raise NotFound("There is no such file.")
    return row


def _is_own(row: StoredObject) -> bool:
    user = current_user()
    return user is not None and user.id == row.user_id


def _is_public(row: StoredObject) -> bool:
    if row.model_id is None:
        return False
    found = (GeneratedModel.id == row.model_id) & (GeneratedModel.visibility == PUBLIC)
    return GeneratedModel.select(GeneratedModel.id).where(found).exists()


def _serve(row: StoredObject, caching: str) -> Response:
    """The bytes, streamed: whole, a range of them, or 304 when the client has them."""
    stream = box().storage.open(row.key)
    response = Response(wrap_file(request.environ, stream, CHUNK), mimetype=row.media_type, direct_passthrough=True)
    response.content_length = row.size
    response.set_etag(row.sha256[:32])
    response.headers["Cache-Control"] = caching
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=row.size)
    except RequestedRangeNotSatisfiable:
        stream.close()
        raise
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        stream.close()  # the server sends nothing, and so closes nothing
    return response
