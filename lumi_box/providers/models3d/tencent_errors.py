"""Tencent Cloud ai3d: what its error codes mean, of an answer or of a job that failed."""

from lumi_box.providers.messages import MODELS
from lumi_box.providers.vendor_errors import Meaning, Row, VendorErrors

ROWS = (
    Row("RequestLimitExceeded", Meaning.BUSY),
    Row("RequestLimitExceeded.JobNumExceed", Meaning.BUSY),  # a slot falls free when a job ends
    Row("InternalError", Meaning.FAILED),
    Row("FailedOperation", Meaning.FAILED),
    Row("FailedOperation.ImageDecodeFailed", Meaning.PICTURE_UNUSABLE),
    Row("FailedOperation.JobNotFound", Meaning.GONE),
    Row("ResourceNotFound", Meaning.GONE),
    Row("InvalidParameter", Meaning.UNSUPPORTED),
    Row("InvalidParameterValue", Meaning.PICTURE_UNUSABLE),
    Row("InvalidParameterValue.ParameterValueError", Meaning.UNSUPPORTED),
    Row("MissingParameter", Meaning.UNSUPPORTED),
    Row("UnknownParameter", Meaning.UNSUPPORTED),
    Row("RequestSizeLimitExceeded", Meaning.PICTURE_TOO_LARGE),
    Row("OperationDenied", Meaning.MODERATED),
    Row("ResourceInsufficient", Meaning.QUOTA),
    Row("ResourceUnavailable", Meaning.ACCOUNT),
    Row("ResourceUnavailable.InArrears", Meaning.QUOTA),
    Row("ResourceUnavailable.LowBalance", Meaning.QUOTA),
    Row("AuthFailure", Meaning.ACCOUNT),
    Row("AuthFailure.SignatureExpire", Meaning.CLOCK),
    Row("UnauthorizedOperation", Meaning.ACCOUNT),
    Row("UnsupportedRegion", Meaning.ACCOUNT),
    Row("InvalidAction", Meaning.ACCOUNT),
    Row("NoSuchVersion", Meaning.ACCOUNT),
    Row("UnsupportedOperation", Meaning.ACCOUNT),
)

ERRORS = VendorErrors(ROWS, MODELS)
