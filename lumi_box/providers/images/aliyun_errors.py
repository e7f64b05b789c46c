"""Alibaba Cloud Model Studio (DashScope), pictures: what its error codes mean."""

from lumi_box.providers.messages import PICTURES
from lumi_box.providers.vendor_errors import Meaning, Row, VendorErrors

ROWS = (
    Row("InvalidParameter", Meaning.UNSUPPORTED),
    Row("BadRequest", Meaning.UNSUPPORTED),
    Row("UnsupportedOperation", Meaning.UNSUPPORTED),
    Row("DataInspectionFailed", Meaning.MODERATED),
    Row("IPInfringementSuspect", Meaning.RIGHTS),
    Row("Arrearage", Meaning.QUOTA),
    Row("InvalidApiKey", Meaning.ACCOUNT),
    Row("AccessDenied", Meaning.ACCOUNT),
    Row("Model.AccessDenied", Meaning.ACCOUNT),
    Row("Workspace.AccessDenied", Meaning.ACCOUNT),
    Row("ModelNotFound", Meaning.ACCOUNT),
    Row("AllocationQuota", Meaning.QUOTA),
    Row("Throttling", Meaning.BUSY),
    Row("Throttling.AllocationQuota", Meaning.QUOTA, phrases=("free allocated quota exceeded",)),
    Row("CommodityNotPurchased", Meaning.ACCOUNT),
    Row("PrepaidBillOverdue", Meaning.QUOTA),
    Row("PostpaidBillOverdue", Meaning.QUOTA),
    Row("InternalError", Meaning.FAILED),
    Row("SystemError", Meaning.FAILED),
    Row("ModelServiceFailed", Meaning.FAILED),
    Row("RequestTimeOut", Meaning.FAILED),
    Row("ModelServingError", Meaning.BUSY),
    Row("ModelUnavailable", Meaning.BUSY),
    # What our side calls the ends of a task that has none of the codes above.
    Row("UNKNOWN", Meaning.GONE),
    Row("CANCELED", Meaning.FAILED),
)

ERRORS = VendorErrors(ROWS, PICTURES)
