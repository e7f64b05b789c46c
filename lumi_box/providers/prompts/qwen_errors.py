"""Qwen (Alibaba Cloud Model Studio, OpenAI-compatible): what its error codes mean."""

from lumi_box.providers.messages import TEXTS
from lumi_box.providers.vendor_errors import Meaning, Row, VendorErrors

ROWS = (
    Row("invalid_parameter_error", Meaning.UNSUPPORTED),
    Row("data_inspection_failed", Meaning.MODERATED),
    Row("DataInspectionFailed", Meaning.MODERATED),
    Row("Arrearage", Meaning.QUOTA),
    Row("invalid_api_key", Meaning.ACCOUNT),
    Row("access_denied", Meaning.ACCOUNT),
    Row("Model.AccessDenied", Meaning.ACCOUNT),
    Row("AllocationQuota", Meaning.QUOTA),
    Row("model_not_found", Meaning.ACCOUNT),
    Row("model_not_supported", Meaning.ACCOUNT),
    Row("limit_requests", Meaning.BUSY),
    Row("limit_burst_rate", Meaning.BUSY),
    Row("insufficient_quota", Meaning.MAYBE_QUOTA),
    Row("internal_error", Meaning.FAILED),
    Row("ModelServingError", Meaning.BUSY),
)

ERRORS = VendorErrors(ROWS, TEXTS)
