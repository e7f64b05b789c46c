"""The error tables of DashScope, SiliconFlow and Qwen as rows, and `ERROR_ROWS`: all of them, by vendor."""

from __future__ import annotations

from emulators.error_row import BUSY, REFUSED, RETRY, UNKNOWN, ErrorRow
from emulators.error_rows_tencent import TENCENT
from emulators.wire import JSON


def _dashscope(
    status: int, code: str, message: str, verdict: str, told: str, *, name: str = "", job: bool = False
) -> list[ErrorRow]:
    body = {"code": code, "message": message, "request_id": "7f0c1f6e-2f5a-9d4b-8a57-0b6f2d1e9c33"}
    label = name or code
    rows = [
        ErrorRow("dashscope", label, status, code, message, verdict, told, body, also=("poll", "cancel", "generate"))
    ]
    if job:
        rows.append(ErrorRow("dashscope", f"task:{label}", 200, code, message, verdict, told, None, of_job=True))
    return rows


_QUOTA = "Free allocated quota exceeded."
_RATE = "Requests rate limit exceeded, please try again later."
_BLOCKED = "Input data may contain inappropriate content."

DASHSCOPE = [
    *_dashscope(400, "InvalidParameter", "Required parameter is invalid.", REFUSED, "request", job=True),
    *_dashscope(400, "InvalidParameter.Size", "size is not supported by the model.", REFUSED, "request", job=True),
    *_dashscope(400, "BadRequest.TooLarge", "Payload Too Large", REFUSED, "request"),
    *_dashscope(400, "DataInspectionFailed", _BLOCKED, REFUSED, "content", job=True),
    *_dashscope(400, "IPInfringementSuspect", "Input data is suspected of IP infringement.", REFUSED, "content",
                job=True),
    *_dashscope(400, "Arrearage", "Access denied, please make sure your account is in good standing.", REFUSED,
                "operator"),
    *_dashscope(401, "InvalidApiKey", "Invalid API-key provided.", REFUSED, "operator"),
    *_dashscope(403, "AccessDenied", "Access denied.", REFUSED, "operator"),
    *_dashscope(403, "AccessDenied.Unpurchased", "Access to model denied.", REFUSED, "operator"),
    *_dashscope(403, "Model.AccessDenied", "Model access denied.", REFUSED, "operator"),
    *_dashscope(403, "Workspace.AccessDenied", "Workspace access denied.", REFUSED, "operator"),
    *_dashscope(403, "AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted.", REFUSED,
                "quota"),
    *_dashscope(404, "ModelNotFound", "Model can not be found.", REFUSED, "operator"),
    *_dashscope(429, "Throttling", _RATE, BUSY, "busy"),
    *_dashscope(429, "Throttling.RateQuota", _RATE, BUSY, "busy"),
    *_dashscope(429, "Throttling.BurstRate", "Request rate increased too quickly.", BUSY, "busy"),
    *_dashscope(429, "Throttling.AllocationQuota", "Allocated quota exceeded, please try again later.", BUSY, "busy"),
    *_dashscope(429, "Throttling.AllocationQuota", _QUOTA, REFUSED, "quota",
                name="Throttling.AllocationQuota:free"),
    *_dashscope(429, "CommodityNotPurchased", "Commodity has not purchased yet.", REFUSED, "operator"),
    *_dashscope(429, "PrepaidBillOverdue", "The prepaid bill is overdue.", REFUSED, "operator"),
    *_dashscope(429, "PostpaidBillOverdue", "The postpaid bill is overdue.", REFUSED, "operator"),
    *_dashscope(500, "InternalError", "An internal error has occured.", RETRY, "again", job=True),
    *_dashscope(500, "InternalError.Algo", "An internal error has occured during execution.", RETRY, "again",
                job=True),
    *_dashscope(500, "InternalError.Timeout", "An internal timeout error has occured.", RETRY, "again", job=True),
    *_dashscope(500, "SystemError", "An system error has occured, please try again later.", RETRY, "again", job=True),
    *_dashscope(500, "ModelServiceFailed", "Failed to request model service.", RETRY, "again", job=True),
    *_dashscope(500, "RequestTimeOut", "Request timed out, please try again later.", RETRY, "again", job=True),
    *_dashscope(503, "ModelServingError", "Too many requests. Your requests are being throttled.", BUSY, "busy"),
    *_dashscope(503, "ModelUnavailable", "Model is unavailable, please try again later.", BUSY, "busy"),
]  # fmt: skip


def _silicon(
    name: str,
    status: int,
    body: object,
    verdict: str,
    told: str,
    *,
    operation: str = "submit",
    also: tuple[str, ...] = ("chat",),
    content_type: str = JSON,
) -> ErrorRow:
    code = str(body.get("code", "")) if isinstance(body, dict) else ""
    message = str(body.get("message", "")) if isinstance(body, dict) else ""
    return ErrorRow(
        "siliconflow", name, status, code, message, verdict, told, body, operation, also, content_type=content_type
    )


def _coded(code: int | None, message: str) -> dict[str, object]:
    return ({} if code is None else {"code": code}) | {"message": message, "data": None}


def _limited(which: str) -> str:
    return (
        "Request was rejected due to rate limiting. If you want more, please contact contact@siliconflow.cn. "
        f"Details:{which} limit reached."
    )


_GATEWAY = b"<html><body><h1>504 Gateway Time-out</h1></body></html>"

SILICONFLOW = [
    _silicon("model-missing", 400, _coded(20012, "Model does not exist. Please check it carefully."), REFUSED,
             "operator"),
    _silicon("parameter", 400, _coded(20015, "The parameter is invalid. Please check it carefully."), REFUSED,
             "request"),
    _silicon("sensitive-400", 400, _coded(20041, "The prompt contains sensitive content."), REFUSED, "content"),
    _silicon("inappropriate-403", 403, _coded(None, "Your prompt contains inappropriate content."), REFUSED,
             "content"),
    _silicon("policy-451", 451, _coded(50604, "Rejected by the content policy."), REFUSED, "content"),
    _silicon("invalid-token", 401, "Invalid token", REFUSED, "operator"),
    _silicon("invalid-key", 401, "Api key is invalid", REFUSED, "operator"),
    _silicon("balance-402", 402, _coded(30001, "Sorry, your account balance is insufficient"), REFUSED, "operator"),
    _silicon("balance-403", 403, _coded(30001, "Sorry, your account balance is insufficient"), REFUSED, "operator"),
    _silicon("forbidden", 403, "Forbidden", REFUSED, "operator"),
    _silicon("real-name", 403, _coded(None, "Real-name verification is required to use this model."), REFUSED,
             "operator"),
    _silicon("not-found", 404, b"404 page not found", REFUSED, "operator", content_type="text/plain"),
    *(_silicon(which, 429, _coded(None, _limited(which)), BUSY, "busy") for which in ("RPM", "TPM")),
    *(_silicon(which, 429, _coded(None, _limited(which)), BUSY, "busy") for which in ("RPH", "RPD", "TPD")),
    *(_silicon(which, 429, _coded(None, _limited(which)), BUSY, "busy", also=()) for which in ("IPM", "IPD")),
    _silicon("IPM:50602", 429, _coded(50602, _limited("IPM")), BUSY, "busy", also=()),
    _silicon("50507", 500, _coded(50507, "Request failed: Unknown error."), RETRY, "again"),
    _silicon("50505", 503, _coded(50505, "Model service overloaded. Please try again later."), BUSY, "busy"),
    _silicon("504-text", 504, b"upstream request timeout", UNKNOWN, "again", content_type="text/plain"),
    _silicon("504-html", 504, _GATEWAY, UNKNOWN, "again", content_type="text/html"),
]  # fmt: skip


def _qwen(status: int, code: str, message: str, verdict: str, told: str, type_: str = "") -> ErrorRow:
    error = {"message": message, "type": type_ or code, "param": None, "code": code}
    body = {"error": error, "request_id": "0d3e7c11-6a1b-9f0e-8f1f-2a9f6f1c7c01"}
    return ErrorRow("qwen", code, status, code, message, verdict, told, body, "chat")


QWEN = [
    _qwen(400, "invalid_parameter_error", "The parameter is not valid.", REFUSED, "request", "invalid_request_error"),
    _qwen(400, "data_inspection_failed", _BLOCKED, REFUSED, "content"),
    _qwen(400, "Arrearage", "Access denied, please make sure your account is in good standing.", REFUSED, "operator"),
    _qwen(401, "invalid_api_key", "Incorrect API key provided.", REFUSED, "operator", "invalid_request_error"),
    _qwen(403, "access_denied", "Access denied.", REFUSED, "operator"),
    _qwen(403, "Model.AccessDenied", "Model access denied.", REFUSED, "operator"),
    _qwen(403, "AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted.", REFUSED, "quota"),
    _qwen(404, "model_not_found", "The model does not exist.", REFUSED, "operator", "invalid_request_error"),
    _qwen(404, "model_not_supported", "The model is not supported.", REFUSED, "operator", "invalid_request_error"),
    _qwen(429, "limit_requests", _RATE, BUSY, "busy"),
    _qwen(429, "limit_burst_rate", "Request rate increased too quickly.", BUSY, "busy"),
    _qwen(429, "insufficient_quota", "You exceeded your current quota.", BUSY, "busy"),
    _qwen(500, "internal_error", "An internal error has occured.", RETRY, "again"),
    _qwen(503, "ModelServingError", "Too many requests. Your requests are being throttled.", BUSY, "busy"),
]

ERROR_ROWS: dict[str, list[ErrorRow]] = {
    "dashscope": DASHSCOPE,
    "siliconflow": SILICONFLOW,
    "qwen": QWEN,
    "tencent": TENCENT,
}


def rows(vendor: str, operation: str) -> list[ErrorRow]:
    """The rows that can answer this operation (or end its job), for tests to run over."""
    return [row for row in ERROR_ROWS[vendor] if operation in (row.operation, *row.also)]
