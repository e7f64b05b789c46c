"""What an S3 service, or the network before it, says went wrong -> our errors, each with a code that has a hint."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.exceptions import HTTPError

from lumi_box.errors import Busy, LumiError, NotFound, Unavailable
from lumi_box.storage.base import SOURCE

FAILURES = (BotoCoreError, ClientError, HTTPError, OSError)
LOOK_AGAIN_SECONDS = 5.0
CODES = {  # what the services call it -> what our hints know
    "InvalidAccessKeyId": "s3_key",
    "SignatureDoesNotMatch": "s3_key",
    "Unauthorized": "s3_key",
    "AccessDenied": "s3_denied",
    "403": "s3_denied",
    "NoSuchBucket": "s3_bucket",
    "InvalidBucketName": "s3_bucket",
    "RequestTimeTooSkewed": "s3_clock",
    "RequestExpired": "s3_clock",
    "PermanentRedirect": "s3_region",
    "301": "s3_region",
    "AuthorizationHeaderMalformed": "s3_region",
    "IllegalLocationConstraintException": "s3_region",
    "SecondLevelDomainForbidden": "s3_style",
    "PathStyleDomainForbidden": "s3_style",
    "QuotaExceeded": "s3_full",
    "XMinioStorageFull": "s3_full",
}
BUSY = {
    "SlowDown",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "RequestLimitExceeded",
}
MISSING = {"NoSuchKey", "NotFound", "404"}


def translated(error: BaseException, done: str) -> LumiError:
    """The error of ours for a file that could not be `done`."""
    text = f"The file could not be {done}."
    if isinstance(error, ClientError):
        return _answered(error, text)
    words = str(error) or type(error).__name__
    if isinstance(error, ParamValidationError):
        return Unavailable(text, code="s3_bucket", vendor_text=words, alert=True, source=SOURCE)
    return Unavailable(text, code=_network_code(error), vendor_text=words, source=SOURCE)


def _answered(error: ClientError, text: str) -> LumiError:
    told = error.response.get("Error", {})
    name, status = str(told.get("Code", "")), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if name in MISSING:
        return NotFound("There is no such file.")
    words = f"{name}: {told.get('Message', '')}".strip(": ")
    request_id = str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))
    if name in BUSY or status in (429, 503):
        return Busy(
            text,
            code="s3_busy",
            vendor_text=words,
            request_id=request_id,
            source=SOURCE,
            retry_after=LOOK_AGAIN_SECONDS,
        )
    code = CODES.get(name) or ("s3_denied" if status in (401, 403) else "s3")
    alert = code != "s3"  # a key, a bucket, a clock: none of them mends itself
    return Unavailable(text, code=code, vendor_text=words, request_id=request_id, alert=alert, source=SOURCE)


def _network_code(error: BaseException) -> str:
    if isinstance(error, SSLError):
        return "s3_tls"
    unreachable = (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError)
    return "s3_unreachable" if isinstance(error, unreachable) else "s3_cut"
