"""What makers read when a vendor fails: a sentence for each service and meaning. Pages show them translated."""

from __future__ import annotations

from lumi_box.errors import marked
from lumi_box.providers.vendor_errors import Meaning

_SHARED = {
    Meaning.MODERATED: marked("The description was refused by the safety check. Please change it."),
    Meaning.RIGHTS: marked("The description may infringe somebody's rights. Please change it."),
    Meaning.CLOCK: marked("The clock of this server is wrong. Please tell the operator of this site."),
}

PICTURES = _SHARED | {
    Meaning.BUSY: marked("The picture service is busy. Your picture is waiting for its turn."),
    Meaning.DAY_LIMIT: marked("The picture service takes no more today. Your picture is waiting until it does."),
    Meaning.FAILED: marked("The picture service could not paint this picture. Please try again."),
    Meaning.GONE: marked("The picture service has lost this picture. Please try again."),
    Meaning.UNSUPPORTED: marked("The picture service does not accept this request. Please change the description."),
    Meaning.ACCOUNT: marked("The picture service cannot be used at present. Please tell the operator of this site."),
    Meaning.QUOTA: marked("The quota of the picture service is used up. Please tell the operator of this site."),
}

MODELS = _SHARED | {
    Meaning.BUSY: marked("The 3D service is busy. Your model is waiting for its turn."),
    Meaning.FAILED: marked("The 3D service could not build this model. Please try again."),
    Meaning.GONE: marked("The 3D service has lost this model. Please try again."),
    Meaning.MODERATED: marked("The picture was refused by the safety check. Please pick another one."),
    Meaning.PICTURE_UNUSABLE: marked("The 3D service cannot use this picture. Please pick another one."),
    Meaning.PICTURE_TOO_LARGE: marked("The picture is too large for the 3D service. Please pick another one."),
    Meaning.UNSUPPORTED: marked("The 3D service does not accept this request. Please tell the operator of this site."),
    Meaning.ACCOUNT: marked("The 3D service cannot be used at present. Please tell the operator of this site."),
    Meaning.QUOTA: marked("The quota of the 3D service is used up. Please tell the operator of this site."),
}

TEXTS = _SHARED | {
    Meaning.BUSY: marked("The text service is busy. Please try again in a moment, or write the variants yourself."),
    Meaning.DAY_LIMIT: marked("The text service takes no more today. You can write the variants yourself."),
    Meaning.FAILED: marked("The text service could not write the variants. Please try again."),
    Meaning.MAYBE_QUOTA: marked(
        "The text service is busy or its quota is used up. You can write the variants yourself."
    ),
    Meaning.UNSUPPORTED: marked("The text service does not accept this request. Please change the description."),
    Meaning.ACCOUNT: marked("The text service cannot be used at present. Please tell the operator of this site."),
    Meaning.QUOTA: marked("The quota of the text service is used up. Please tell the operator of this site."),
}

UNREACHABLE_PICTURES = marked("The picture service cannot be reached.")
UNREACHABLE_MODELS = marked("The 3D service cannot be reached.")
UNREACHABLE_TEXTS = marked("The text service cannot be reached.")
LOST_PICTURE = marked("The picture service did not answer in full.")
LOST_MODEL = marked("The 3D service did not answer in full.")
LOST_TEXT = marked("The text service did not answer in full.")
MALFORMED_KEYS = (
    marked("The picture service cannot be used: its key is malformed."),
    marked("The 3D service cannot be used: its key is malformed."),
    marked("The text service cannot be used: its key is malformed."),
)
NOT_FETCHED = marked("The finished result could not be fetched.")
NO_RESULT_FORMAT = marked("The 3D service delivered no file that can be used. Please try again.")
UNUSABLE_VARIANTS = marked("The text service wrote no four usable variants. Please try again, or write them yourself.")
