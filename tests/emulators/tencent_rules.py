"""What Tencent ai3d accepts: one source, a picture of the right kind and size, the formats of the tier."""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from emulators.tc3 import Failure
from emulators.wire import Request

RAPID = {"Prompt", "ImageBase64", "ImageUrl", "ResultFormat", "EnablePBR", "EnableGeometry"}
PRO = {
    "Prompt", "ImageBase64", "ImageUrl", "ResultFormat", "EnablePBR",
    "Model", "MultiViewImages", "FaceCount", "GenerateType", "PolygonType",
}  # fmt: skip
TYPES: dict[str, type] = {
    "Prompt": str, "ImageBase64": str, "ImageUrl": str, "ResultFormat": str, "EnablePBR": bool,
    "EnableGeometry": bool, "Model": str, "MultiViewImages": list, "FaceCount": int, "GenerateType": str,
    "PolygonType": str,
}  # fmt: skip
RAPID_FORMATS = ("OBJ", "GLB", "STL", "USDZ", "FBX", "MP4")
PRO_FORMATS = ("STL", "USDZ", "FBX")
KINDS = {"OBJ": "obj-zip", "GLB": "glb", "STL": "stl"}  # what can be made here
CREDITS = {"Normal": 20, "LowPoly": 25, "Geometry": 15, "Sketch": 25}
VIEWS = ("left", "right", "back")
VIEWS_31 = (*VIEWS, "top", "bottom", "left_front", "right_front")
MIB = 1 << 20

Download = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Wanted:
    formats: tuple[str, ...]
    picture: bytes | None
    credits: dict[str, int]


def read(request: Request) -> dict[str, Any]:
    try:
        return request.object()
    except ValueError:
        raise Failure("InvalidParameter", "The body is not a JSON object.") from None


def job_id(body: dict[str, Any]) -> str:
    if set(body) - {"JobId"}:
        raise Failure("UnknownParameter", f"Unknown: {', '.join(sorted(set(body) - {'JobId'}))}.")
    ticket = body.get("JobId")
    if not isinstance(ticket, str) or not ticket:
        raise Failure("MissingParameter", "The request is missing the required parameter JobId.")
    return ticket


def wanted(body: dict[str, Any], tier: str, download: Download, data_prefix: bool) -> Wanted:
    _check_names(body, tier)
    formats, credits = _rapid_formats(body) if tier == "rapid" else _pro_formats(body)
    _check_sources(body, sketch=body.get("GenerateType") == "Sketch")
    limit = 200 if tier == "rapid" else 1024
    if len(body.get("Prompt") or "") > limit:
        raise _value(f"Prompt is longer than {limit} characters.")
    return Wanted(formats, _picture(body, download, data_prefix), credits)


def _check_names(body: dict[str, Any], tier: str) -> None:
    unknown = set(body) - (RAPID if tier == "rapid" else PRO)
    if unknown:
        raise Failure("UnknownParameter", f"Unknown: {', '.join(sorted(unknown))}.")
    for name, value in body.items():
        right = isinstance(value, TYPES[name]) and not (TYPES[name] is int and isinstance(value, bool))
        if value is not None and not right:
            raise Failure("InvalidParameter", f"{name} is of the wrong type.")


def _check_sources(body: dict[str, Any], *, sketch: bool) -> None:
    given = [name for name in ("Prompt", "ImageBase64", "ImageUrl") if body.get(name)]
    if not given:
        raise Failure("MissingParameter", "One of Prompt, ImageBase64 and ImageUrl is required.")
    if len(given) > 1 and not (sketch and len(given) == 2 and "Prompt" in given):
        raise _value(f"{' and '.join(given)} cannot be given together.")


def _rapid_formats(body: dict[str, Any]) -> tuple[tuple[str, ...], dict[str, int]]:
    geometry = bool(body.get("EnableGeometry"))
    kind = body.get("ResultFormat") or ("GLB" if geometry else "OBJ")
    if kind not in RAPID_FORMATS or (geometry and kind == "OBJ"):
        raise _value(f"ResultFormat {kind} is not supported.")
    return (kind,), {}


def _pro_formats(body: dict[str, Any]) -> tuple[tuple[str, ...], dict[str, int]]:
    generate = body.get("GenerateType") or "Normal"
    if generate not in CREDITS:
        raise _value("GenerateType is not supported.")
    _check_pro(body, generate)
    kind = body.get("ResultFormat")
    if kind is not None and kind not in PRO_FORMATS:
        raise _value(f"ResultFormat {kind} is not supported.")
    credits = {f"Generate-{generate}": CREDITS[generate]}
    credits |= {"EnablePBR": 10} if body.get("EnablePBR") and generate != "Geometry" else {}
    credits |= {"MultiViewImages": 10} if body.get("MultiViewImages") else {}
    if kind is not None:
        return (kind,), credits
    return (("GLB",) if generate == "Geometry" else ("OBJ", "GLB")), credits


def _check_pro(body: dict[str, Any], generate: str) -> None:
    model = body.get("Model") or "3.0"
    if model not in ("3.0", "3.1") or (model == "3.1" and generate == "LowPoly"):
        raise _value("Model is not supported, or not with LowPoly.")
    faces = body.get("FaceCount")
    if faces is not None and not 3000 <= faces <= 1_500_000:
        raise _value("FaceCount must be within [3000, 1500000].")
    polygon = body.get("PolygonType")
    if polygon is not None and (polygon not in ("triangle", "quadrilateral") or generate != "LowPoly"):
        raise _value("PolygonType is not supported.")
    seen: set[str] = set()
    for view in body.get("MultiViewImages") or []:
        kind = view.get("ViewType") if isinstance(view, dict) else None
        if not isinstance(kind, str) or kind in seen or kind not in (VIEWS_31 if model == "3.1" else VIEWS):
            raise _value(f"ViewType {kind} is not supported, or is there twice.")
        seen.add(kind)


def _picture(body: dict[str, Any], download: Download, data_prefix: bool) -> bytes | None:
    if body.get("ImageUrl"):
        data = _download(body["ImageUrl"], download)
        most = 8 * MIB
    elif body.get("ImageBase64"):
        data = _decode(body["ImageBase64"], data_prefix)
        most = 6 * MIB
    else:
        return None
    if len(data) > most:
        raise Failure("InvalidParameterValue.InvalidImageSize", f"The image is larger than {most // MIB} MB.")
    _check_image(data)
    return data


def _decode(text: str, data_prefix: bool) -> bytes:
    if data_prefix and text.startswith("data:image/"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Failure("FailedOperation.ImageDecodeFailed", "The image cannot be decoded.") from None


def _download(url: str, download: Download) -> bytes:
    """The vendors' own addresses stand for the public internet; anything else cannot be reached from there."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure("InvalidParameterValue.UrlIllegal", "The URL is illegal.")
    data = download(url)
    if data is None:
        raise Failure("FailedOperation.ImageDownloadError", "The image cannot be downloaded.")
    return data


def _check_image(data: bytes) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                kind, sides = image.format, image.size
                if max(sides) <= 5000:
                    image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise Failure("FailedOperation.ImageDecodeFailed", "The image cannot be decoded.") from None
    if kind not in ("JPEG", "PNG", "WEBP"):
        raise Failure("InvalidParameterValue.InvalidImageFormat", f"The image format {kind} is not supported.")
    if min(sides) < 128 or max(sides) > 5000:
        raise Failure(
            "InvalidParameterValue.InvalidImageResolution", "Each side of the image must be within [128, 5000]."
        )


def _value(message: str) -> Failure:
    return Failure("InvalidParameterValue.ParameterValueError", message)
