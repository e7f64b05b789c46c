"""marshmallow, out: what answers hold. They describe; web/shapes.py makes the answers, and tests compare the two."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from lumi_box.jobs import lifecycle
from lumi_box.slicing.names import PRINT_STATUSES
from lumi_box.webhooks import names


class _Closed(Schema):
    class Meta:
        unknown = RAISE


def shape(title: str, /, **parts: Any) -> type[Schema]:
    return _Closed.from_dict(parts, name=title)


def text(description: str = "") -> fields.String:
    return fields.String(required=True, metadata=_described(description))


def maybe_text(description: str = "") -> fields.String:
    return fields.String(required=True, allow_none=True, metadata=_described(description))


def address() -> fields.String:
    return maybe_text("Absolute; signed when the file is private.")


def moment() -> fields.DateTime:
    return fields.DateTime(required=True, metadata={"example": "2026-11-21T08:30:00.123Z"})


def maybe_moment() -> fields.DateTime:
    return fields.DateTime(required=True, allow_none=True)


def number(description: str = "") -> fields.Integer:
    return fields.Integer(required=True, metadata=_described(description))


def maybe_number() -> fields.Integer:
    return fields.Integer(required=True, allow_none=True)


def flag() -> fields.Boolean:
    return fields.Boolean(required=True)


def one_of(*values: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf(values))


def part(schema: type[Schema]) -> fields.Nested:
    return fields.Nested(schema, required=True)


def maybe_part(schema: type[Schema]) -> fields.Nested:
    return fields.Nested(schema, required=True, allow_none=True)


def several(schema: type[Schema]) -> fields.List:
    return fields.List(fields.Nested(schema), required=True)


def texts() -> fields.List:
    return fields.List(fields.String(), required=True)


def _described(description: str) -> dict[str, str]:
    return {"description": description} if description else {}


def page_of(title: str, item: type[Schema], /, **more: Any) -> type[Schema]:
    return shape(title, items=several(item), total=number("How many there are in all."), **more)


STATES = ("PENDING", "GENERATING", "COMPLETED", "FAILED")
REQUEST_STATES = (
    *("IMAGE_PENDING", "IMAGE_GENERATING", "IMAGE_COMPLETED", "IMAGE_FAILED"),
    *("MODEL_PENDING", "MODEL_GENERATING", "MODEL_FAILED", "COMPLETED", "FAILED", "CANCELLED"),
)
PHASES = ("IMAGE_GENERATION", "AWAITING_SELECTION", "MODEL_GENERATION", "COMPLETED")
MARKS = ("LIKE", "FAVORITE")

Job = shape(
    "Job",
    id=text(),
    status=one_of(*lifecycle.STATUSES),
    retryCount=number("Attempts after the first."),
    progress=number("Percent."),
)
Image = shape(
    "Image",
    id=text(),
    requestId=text(),
    index=number("0 to 3."),
    imageUrl=address(),
    url=address(),
    thumbnailUrl=address(),
    imagePrompt=text("The variant of the prompt that it is painted from."),
    imageStatus=one_of(*STATES),
    createdAt=moment(),
    completedAt=maybe_moment(),
    failedAt=maybe_moment(),
    errorMessage=maybe_text(),
    generationJob=maybe_part(Job),
)
MODEL_PARTS: dict[str, Any] = {
    **{name: text() for name in ("id", "userId", "source", "requestId", "sourceImageId", "name", "description")},
    **{name: address() for name in ("modelUrl", "mtlUrl", "textureUrl", "glbUrl", "previewImageUrl")},
    "format": text(),
    **{name: maybe_number() for name in ("fileSize", "faceCount", "vertexCount")},
    "visibility": one_of("PUBLIC", "PRIVATE"),
    "publishedAt": maybe_moment(),
    **{name: number() for name in ("viewCount", "likeCount", "favoriteCount", "downloadCount")},
    "generationStatus": one_of(*STATES),
    "progress": number("Percent."),
    **{name: maybe_text() for name in ("sliceTaskId", "printStatus")},
    **{name: moment() for name in ("createdAt", "updatedAt")},
    **{name: maybe_moment() for name in ("completedAt", "failedAt")},
    "errorMessage": maybe_text(),
    "generationJob": maybe_part(Job),
}
Model = shape("Model", **MODEL_PARTS)
Maker = shape("Maker", id=text(), name=text())
Origin = shape("Origin", prompt=text())
PublicModel = shape("PublicModel", **MODEL_PARTS, user=part(Maker), request=part(Origin))
Task = shape(
    "Task",
    **{name: text() for name in ("id", "userId", "prompt", "originalPrompt")},
    status=one_of(*REQUEST_STATES),
    phase=one_of(*PHASES),
    selectedImageIndex=maybe_number(),
    **{name: moment() for name in ("createdAt", "updatedAt")},
    completedAt=maybe_moment(),
    errorMessage=maybe_text(),
    images=several(Image),
    model=maybe_part(Model),
)
Tasks = page_of("Tasks", Task)
Models = page_of("Models", Model)
PublicModels = page_of("PublicModels", PublicModel)
GalleryPage = page_of("GalleryPage", PublicModel, hasMore=flag())
Picked = shape("Picked", model=part(Model), selectedImageIndex=number())
User = shape("User", id=text(), email=text(), userName=text(), nickName=text(), avatar=maybe_text())
SignedIn = shape("SignedIn", token=text("To send back as it is: `Bearer …`."), user=part(User))
Registered = shape("Registered", user=maybe_part(User))
Me = shape("Me", status=one_of("authenticated", "unauthenticated", "error"), user=maybe_part(User))
Stats = shape(
    "Stats",
    **{name: number() for name in ("totalTasks", "totalModels", "publicModels", "privateModels")},
    **{name: number() for name in ("totalViews", "totalLikes", "totalFavorites", "totalDownloads")},
)
Finding = shape("Finding", code=text(), severity=one_of("info", "warning", "error"), message=text())
PrintReport = shape(
    "PrintReport",
    verdict=one_of("healthy", "warning", "error"),
    watertight=flag(),
    manifold=flag(),
    openEdges=number(),
    parts=number(),
    faces=number(),
    vertices=number(),
    sizeMm=fields.List(fields.Float(), required=True, validate=validate.Length(equal=3)),
    volumeCm3=fields.Float(required=True),
    findings=several(Finding),
    repaired=texts(),
    fitsBed=flag(),
)
OpenLinks = shape("OpenLinks", orca=text(), bambu=text(), cura=text(), url=text("Of the 3MF, signed in its path."))
PrintOrdered = shape("PrintOrdered", sliceTaskId=text(), message=text())
PrintFacts = shape(
    "PrintFacts",
    **{
        name: fields.Float(required=True, allow_none=True, metadata=_described("None where the slicer does not say."))
        for name in ("layerHeight", "printTimeSeconds", "filamentGrams")
    },
)
PrintStatus = shape(
    "PrintStatus",
    printStatus=one_of(*PRINT_STATUSES),
    sliceTaskId=maybe_text(),
    sliceProgress=maybe_number(),
    gcodeUrl=address(),
    gcodeMetadata=maybe_part(PrintFacts),
    errorMessage=maybe_text(),
)
DownloadCount = shape("DownloadCount", downloadCount=number())
Interactions = shape(
    "Interactions",
    isAuthenticated=flag(),
    interactions=fields.List(fields.String(validate=validate.OneOf(MARKS)), required=True),
    isLiked=flag(),
    isFavorited=flag(),
)
Toggled = shape(
    "Toggled",
    isInteracted=flag(),
    type=one_of(*MARKS),
    likeCount=number(),
    favoriteCount=number(),
)
Marked = shape("Marked", isLiked=flag(), isFavorited=flag())
Batch = shape(
    "Batch",
    isAuthenticated=flag(),
    interactions=fields.Dict(keys=fields.String(), values=fields.Nested(Marked), required=True),
)
QueueConfig = shape(
    "QueueConfig",
    queueName=text(),
    concurrency=number("How many are worked on at once, over all nodes."),
    waitingCount=number(),
    activeCount=number(),
)
Queue = shape(
    "Queue",
    isRunning=flag(),
    processingCount=number(),
    processingJobIds=texts(),
    config=part(QueueConfig),
)
Workers = shape("Workers", image=part(Queue), model3d=part(Queue))
Health = shape("Health", status=text())
Service = _Closed.from_dict(
    {
        "service": text(),
        "status": one_of("healthy", "unhealthy"),
        "latencyMs": fields.Float(required=True),
        "message": fields.String(metadata={"description": "For administrators."}),
    },
    name="Service",
)
Services = shape("Services", services=several(Service))
TOKEN_PARTS: dict[str, Any] = {
    **{name: text() for name in ("id", "name")},
    "createdAt": moment(),
    **{name: maybe_moment() for name in ("expiresAt", "lastUsedAt")},
}
Token = shape("Token", **TOKEN_PARTS)
Tokens = shape("Tokens", items=several(Token))
NewToken = shape("NewToken", **TOKEN_PARTS, token=text("Shown this once: `Bearer …`."))
Session = shape("Session", **TOKEN_PARTS, kind=one_of("browser", "program"), current=flag())
Sessions = shape("Sessions", items=several(Session))
WEBHOOK_PARTS: dict[str, Any] = {
    **{name: text() for name in ("id", "url")},
    "events": fields.List(one_of(*names.EVENTS), required=True),
    "enabled": flag(),
    "disabledReason": fields.String(required=True, allow_none=True, validate=validate.OneOf([*names.REASONS, None])),
    **{name: maybe_moment() for name in ("disabledAt", "failingSince", "oldSecretUntil")},
    **{name: moment() for name in ("createdAt", "updatedAt")},
}
Webhook = shape("Webhook", **WEBHOOK_PARTS)
Webhooks = shape("Webhooks", items=several(Webhook))
NewWebhook = shape("NewWebhook", **WEBHOOK_PARTS, secret=text("Shown this once: `whsec_…`."))
Delivery = shape(
    "Delivery",
    id=text("The `webhook-id` of every attempt."),
    type=one_of(*names.EVENTS, names.TEST),
    status=one_of(*names.STATUSES),
    attempts=number(),
    createdAt=moment(),
    **{name: maybe_moment() for name in ("attemptedAt", "nextAttemptAt", "endedAt")},
    responseStatus=maybe_number(),
    milliseconds=maybe_number(),
    response=maybe_text("How the latest answer begins: at most 500 characters, of whoever answered."),
    error=maybe_text(),
)
Deliveries = page_of("Deliveries", Delivery)
Attempt = shape(
    "Attempt",
    **{name: maybe_text() for name in ("provider", "ticket", "outcome", "errorCode", "error", "vendorRequestId")},
    attempt=number("Counted from 1."),
    startedAt=moment(),
    endedAt=maybe_moment(),
    milliseconds=maybe_number(),
)
DeadLetter = shape(
    "DeadLetter",
    **{name: text() for name in ("id", "originalQueue", "requestId")},
    status=one_of(*lifecycle.STATUSES),
    **{name: maybe_text() for name in ("error", "errorCode")},
    failedAt=maybe_moment(),
    attempts=number(),
    history=several(Attempt),
)
DeadLetters = shape("DeadLetters", total=number(), jobs=several(DeadLetter))
Retried = shape("Retried", id=text(), status=one_of(*lifecycle.STATUSES))
RetriedAll = shape(
    "RetriedAll",
    retried=texts(),
    refused=fields.Dict(keys=fields.String(), values=fields.String(), required=True),
)
Discarded = shape("Discarded", id=text())
