"""Tencent's error codes as rows: HTTP 200 with `Response.Error`, or the `ErrorCode` of a job that failed."""

from __future__ import annotations

from emulators.error_row import BUSY, REFUSED, RETRY, ErrorRow


def _codes(
    verdict: str, told: str, *codes: str, message: str = "", job: bool = False, poll: bool = True
) -> list[ErrorRow]:
    rows = []
    for code in codes:
        text = message or f"{code}."
        error = {"Code": code, "Message": text}
        body = {"Response": {"Error": error, "RequestId": "5b1f6cbe-7b7a-4b52-9f0e-0f8f0a4f6a11"}}
        also = ("poll",) if poll else ()
        rows.append(ErrorRow("tencent", code, 200, code, text, verdict, told, body, also=also))
        if job:
            rows.append(ErrorRow("tencent", f"task:{code}", 200, code, text, verdict, told, None, of_job=True))
    return rows


def _submit(verdict: str, told: str, *codes: str, message: str = "", job: bool = False) -> list[ErrorRow]:
    return _codes(verdict, told, *codes, message=message, job=job, poll=False)


TENCENT = [
    *_codes(BUSY, "busy", "RequestLimitExceeded"),
    *_submit(BUSY, "busy", "RequestLimitExceeded.JobNumExceed", message="当前已达到1个任务上限，请稍后重试"),
    *_codes(RETRY, "again", "InternalError", "InternalError.DBError", job=True),
    *_submit(RETRY, "again", "FailedOperation.ServerError", message="算法服务异常", job=True),
    *_submit(RETRY, "again", "FailedOperation.RequestTimeout", "FailedOperation.InnerError", job=True),
    *_submit(RETRY, "again", "FailedOperation.DownloadError", "FailedOperation.ImageDownloadError", job=True),
    *_submit(REFUSED, "request", "FailedOperation.ImageDecodeFailed", job=True),
    *_submit(RETRY, "again", "FailedOperation", job=True),
    *(
        ErrorRow("tencent", row.name, 200, row.code, row.message, row.verdict, row.told, row.body, "poll")
        for row in _codes(REFUSED, "again", "FailedOperation.JobNotFound", "ResourceNotFound")
    ),
    *_submit(
        REFUSED,
        "request",
        "InvalidParameterValue.InvalidImageFormat",
        "InvalidParameterValue.InvalidImageResolution",
        "InvalidParameterValue.InvalidImageSize",
        "InvalidParameterValue.UrlIllegal",
        "InvalidParameterValue.ParameterValueError",
        "InvalidParameterValue",
    ),
    *_codes(REFUSED, "request", "InvalidParameter", "MissingParameter", "UnknownParameter"),
    *_submit(
        REFUSED, "content", "OperationDenied.TextIllegalDetected", "OperationDenied.ImageIllegalDetected", job=True
    ),
    *_submit(REFUSED, "quota", "ResourceInsufficient", "ResourceInsufficient.ChargeResourceExhaust"),
    *_codes(
        REFUSED,
        "operator",
        "ResourceUnavailable.InArrears",
        "ResourceUnavailable.LowBalance",
        "ResourceUnavailable.NotExist",
        "ResourceUnavailable.StopUsing",
        "AuthFailure.SignatureExpire",
        "AuthFailure.SignatureFailure",
        "AuthFailure.SecretIdNotFound",
        "AuthFailure.InvalidAuthorization",
        "AuthFailure.TokenFailure",
        "AuthFailure.UnauthorizedOperation",
        "UnauthorizedOperation",
        "UnsupportedRegion",
        "InvalidAction",
        "NoSuchVersion",
        "UnsupportedOperation",
    ),
    *_submit(REFUSED, "request", "RequestSizeLimitExceeded"),
]
