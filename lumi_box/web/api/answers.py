"""JSend (https://github.com/omniti-labs/jsend): one envelope for every answer, and bodies read strictly."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema

from lumi_box.errors import Invalid
from lumi_box.web.actions import load


def success(data: Any, status: int = 200) -> Response:
    response = jsonify({"status": "success", "data": data})
    response.status_code = status
    response.headers["Cache-Control"] = "no-cache"
    return response


def body(schema: type[Schema]) -> dict[str, Any]:
    """The request's JSON body, validated."""
    data = request.get_json(silent=True)
    if data is None:
        raise Invalid({"body": ["must be JSON, sent as application/json"]})
    return load(schema, data)


def optional_body(schema: type[Schema]) -> dict[str, Any]:
    """Likewise, where no body at all means an empty one."""
    return body(schema) if request.get_data() else load(schema, {})


def query(schema: type[Schema]) -> dict[str, Any]:
    """The address's query, validated."""
    return load(schema, request.args.to_dict())
