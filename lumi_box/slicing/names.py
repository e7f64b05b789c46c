"""How the printing of a model stands, and what its owner reads when it fails. Pages show the texts translated."""

from lumi_box.errors import marked

NOT_STARTED, SLICING, SLICE_COMPLETE, FAILED = "NOT_STARTED", "SLICING", "SLICE_COMPLETE", "FAILED"
# The two in the middle are never reached here: clients know them from the server before, which also drove printers.
PRINT_STATUSES = (NOT_STARTED, SLICING, SLICE_COMPLETE, "PRINTING", "PRINT_COMPLETE", FAILED)

STORED_HEIGHT_MM = 60.0  # of the print file that every finished model has

SERVICE = "slicer"  # as in "The slicer cannot be reached."
UNREACHABLE = marked("The slicer cannot be reached.")
LOST = marked("The slicer did not answer in full.")
BUSY = marked("The slicer is busy. Please try again later.")
FORGOTTEN = marked("The slicer does not know this slicing any more. Please start it again.")
NOT_ACCEPTED = marked("The slicer does not accept this model. Please tell the operator of this site.")
WENT_WRONG = marked("Slicing failed. Please try again.")
CANCELLED = marked("The slicing was cancelled. Please start it again.")
NO_GCODE = marked("The slicer delivered no G-code that can be used.")
TOO_LONG = marked("Slicing took too long.")
NOT_SLICED = marked("The slicer could not slice this model.")
TOO_LARGE = marked("The model does not fit on the printer at this height.")
NOT_STARTABLE = marked("The slicer cannot be started. Please tell the operator of this site.")
INTERRUPTED = marked("The slicing was interrupted too often.")
SWITCHED_OFF = marked("No slicer is configured any more.")
OURS = marked("Something went wrong on our side. The operator can see it in the log.")
NOT_CONFIGURED = marked("No slicer is configured.")
NOT_FINISHED = marked("The model is not finished yet.")
