"""Stored objects over HTTP: for whoever holds a signed address, for all when public, for their owner always."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from lumi_box.errors import NotFound
from lumi_box.gallery.publish import SHOWN
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
    return GeneratedModel.select(GeneratedModel.id).where(GeneratedModel.id == row.model_id, SHOWN).exists()


def _serve(row: StoredObject, caching: str) -> Response:
    """The bytes, streamed: whole, a range of them, or 304 when the client has them.

    Only what is asked for is fetched from the store, and never more of it than one piece is in memory.
    """
    response = Response(mimetype=row.media_type, direct_passthrough=True)
    response.set_etag(row.sha256[:32])
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = caching
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.make_conditional(request)
    if response.status_code != HTTPStatus.OK:
        return response
    first, last = _wanted_part(row)
    response.content_length = last - first + 1
    if response.content_length != row.size:
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        response.headers["Content-Range"] = f"bytes {first}-{last}/{row.size}"
    if request.method != "HEAD":
        whole = last + 1 == row.size
        stream = box().storage.open(row.key, first, None if whole else last)
        response.response = wrap_file(request.environ, stream, CHUNK)
    return response


def _wanted_part(row: StoredObject) -> tuple[int, int]:
    """The first and the last byte of the answer. Several ranges at once are answered with the whole, as they may be."""
    asked, only_if = request.range, request.if_range
    everything = (0, row.size - 1)
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return everything
    if only_if.date is not None or only_if.etag not in (None, row.sha256[:32]):
        return everything
    wanted = asked.range_for_length(row.size)
    if wanted is None:
        raise RequestedRangeNotSatisfiable(row.size)
    return wanted[0], wanted[1] - 1
