"""What each route of the API takes and answers, for its documentation. A test walks the routes and misses none here."""

from __future__ import annotations

from dataclasses import dataclass, field

from marshmallow import Schema

from lumi_box.web import schemas
from lumi_box.web import schemas_out as out

FILES = ("application/zip", "model/gltf-binary", "model/stl", "model/3mf")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`media`: what it answers instead of JSON. `fails`: the statuses that its route does not tell by itself.
    `also`: a status that has the body of the answer, too.
    """

    summary: str
    answer: type[Schema] | None = None
    status: int = 200
    body: type[Schema] | None = None
    body_required: bool = True
    query: type[Schema] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    media: tuple[str, ...] = ()
    tagged: bool = False
    fails: tuple[int, ...] = ()
    also: int | None = None


ACCOUNTS = {
    "POST /auth/send-code": Operation(summary="Mail a code of six digits", body=schemas.SendCodeIn, fails=(403,)),
    "POST /auth/register": Operation(
        summary="Open an account", body=schemas.LoginIn, answer=out.Registered, status=201, fails=(403, 409)
    ),
    "POST /auth/login": Operation(
        summary="Sign in with a password or a code", body=schemas.LoginIn, answer=out.SignedIn, fails=(403,)
    ),
    "GET /auth/me": Operation(summary="Who is asking", answer=out.Me),
    "POST /auth/logout": Operation(summary="Revoke the credential that came with the call"),
    "GET /auth/sessions": Operation(summary="Browsers and programs that are signed in", answer=out.Sessions),
    "DELETE /auth/sessions/<session_id>": Operation(summary="Sign one of them out"),
    "GET /auth/tokens": Operation(summary="API tokens", answer=out.Tokens),
    "POST /auth/tokens": Operation(
        summary="Make an API token, which is shown this once", body=schemas.TokenIn, answer=out.NewToken, status=201
    ),
    "DELETE /auth/tokens/<token_id>": Operation(summary="Revoke an API token"),
}
TASKS = {
    "GET /tasks": Operation(summary="Own tasks, newest first", query=schemas.PageQuery, answer=out.Tasks, tagged=True),
    "POST /tasks": Operation(
        summary="Turn a prompt into four pictures",
        body=schemas.PromptIn,
        answer=out.Task,
        status=201,
        headers={"Idempotency-Key": "1 to 128 characters: the same key and body answer the same task."},
        fails=(409,),
    ),
    "GET /tasks/<task_id>": Operation(summary="A task with its pictures and its model", answer=out.Task, tagged=True),
    "PATCH /tasks/<task_id>": Operation(
        summary="Pick the picture that becomes a model", body=schemas.SelectionIn, answer=out.Picked, fails=(409, 429)
    ),
    "DELETE /tasks/<task_id>": Operation(summary="Delete a task, its model and all its files"),
    "POST /tasks/<task_id>/images/<index>/redo": Operation(
        summary="Paint one picture again", answer=out.Task, fails=(400, 409, 429)
    ),
    "POST /tasks/<task_id>/cancel": Operation(summary="Stop what waits and runs", answer=out.Task, fails=(409,)),
    "POST /tasks/<task_id>/retry": Operation(summary="Try again what failed", answer=out.Task, fails=(409,)),
    "GET /tasks/<task_id>/events": Operation(
        summary="What happens, as server-sent events",
        media=("text/event-stream",),
        headers={"Last-Event-ID": "Resume after this event."},
    ),
    "POST /tasks/<task_id>/print": Operation(
        summary="Hand the model to the configured slicer",
        body=schemas.PrintIn,
        body_required=False,
        answer=out.PrintOrdered,
        fails=(409,),
    ),
    "GET /tasks/<task_id>/print-status": Operation(summary="What the slicer makes of it", answer=out.PrintStatus),
}
MODELS = {
    "GET /models/<model_id>": Operation(summary="One's own model, or a public one", answer=out.PublicModel),
    "PATCH /models/<model_id>": Operation(
        summary="Name or describe a model", body=schemas.ModelIn, answer=out.PublicModel
    ),
    "PATCH /models/<model_id>/visibility": Operation(
        summary="Publish a model, or take it back", body=schemas.VisibilityIn, answer=out.PublicModel, fails=(409,)
    ),
    "DELETE /models/<model_id>": Operation(summary="Delete a model; its pictures stay"),
    "GET /models/<model_id>/download": Operation(
        summary="The model as a file: counts a download", query=schemas.DownloadQuery, media=FILES, fails=(409,)
    ),
    "GET /models/<model_id>/print-report": Operation(
        summary="Whether a printer will like it", query=schemas.HeightQuery, answer=out.PrintReport, fails=(409,)
    ),
    "GET /models/<model_id>/open-links": Operation(
        summary="Links that open the 3MF in a slicer", answer=out.OpenLinks, fails=(409,)
    ),
    "GET /users/models": Operation(summary="Own models", query=schemas.MyModelsQuery, answer=out.Models),
    "GET /users/my-models": Operation(
        summary="Own models, under an older name", query=schemas.MyModelsQuery, answer=out.Models
    ),
    "GET /users/likes": Operation(summary="Models that one likes", query=schemas.MarkedQuery, answer=out.PublicModels),
    "GET /users/favorites": Operation(
        summary="Models that one has as favourites", query=schemas.MarkedQuery, answer=out.PublicModels
    ),
    "GET /users/stats": Operation(summary="What one has made, and how it was received", answer=out.Stats),
}
GALLERY = {
    "GET /gallery/models": Operation(
        summary="Public models, searched and sorted", query=schemas.GalleryQuery, answer=out.GalleryPage, tagged=True
    ),
    "GET /gallery/models/<model_id>": Operation(summary="A public model: counts a view", answer=out.PublicModel),
    "POST /gallery/models/<model_id>/download": Operation(summary="Count a download", answer=out.DownloadCount),
    "GET /gallery/models/<model_id>/interactions": Operation(summary="One's own marks", answer=out.Interactions),
    "POST /gallery/models/<model_id>/interactions": Operation(
        summary="Like or favourite a model, or take it back", body=schemas.InteractionIn, answer=out.Toggled
    ),
    "POST /gallery/models/batch-interactions": Operation(
        summary="One's own marks of many models", body=schemas.BatchIn, answer=out.Batch
    ),
    "POST /gallery/models/<model_id>/report": Operation(
        summary="Tell the operators what is wrong with a model", body=schemas.ReportIn
    ),
}
OPERATION = {
    "GET /workers/status": Operation(summary="What is being worked on", answer=out.Workers),
    "GET /workers/dead-letter": Operation(
        summary="Jobs that ended badly, the latest first", query=schemas.PageQuery, answer=out.DeadLetters
    ),
    "POST /workers/dead-letter/retry-all": Operation(
        summary="New attempts for all that may have some", answer=out.RetriedAll
    ),
    "POST /workers/dead-letter/<job_id>/retry": Operation(
        summary="New attempts for one of them", answer=out.Retried, fails=(409,)
    ),
    "DELETE /workers/dead-letter/<job_id>": Operation(summary="Remove one of them", answer=out.Discarded, fails=(409,)),
    "GET /health": Operation(summary="200 while the process answers", answer=out.Health),
    "GET /health/detailed": Operation(
        summary="Every check; what was found, for administrators", answer=out.Services, also=503
    ),
}
WEBHOOKS = {
    "GET /users/webhooks": Operation(summary="Own webhooks, the newest first", answer=out.Webhooks),
    "POST /users/webhooks": Operation(
        summary="Make a webhook, whose secret is shown this once",
        body=schemas.WebhookIn,
        answer=out.NewWebhook,
        status=201,
        fails=(409,),
    ),
    "GET /users/webhooks/<webhook_id>": Operation(summary="One of them", answer=out.Webhook),
    "PATCH /users/webhooks/<webhook_id>": Operation(
        summary="Change its address or events, switch it on or off", body=schemas.WebhookChangesIn, answer=out.Webhook
    ),
    "DELETE /users/webhooks/<webhook_id>": Operation(summary="Remove it with its log"),
    "POST /users/webhooks/<webhook_id>/test": Operation(
        summary="Send a `webhook.test`", answer=out.Delivery, status=202, fails=(409,)
    ),
    "POST /users/webhooks/<webhook_id>/rotate-secret": Operation(
        summary="Make a new secret; for a day the old one signs as well", answer=out.NewWebhook
    ),
    "GET /users/webhooks/<webhook_id>/deliveries": Operation(
        summary="What it was told in the last week, the newest first", query=schemas.PageQuery, answer=out.Deliveries
    ),
    "POST /users/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver": Operation(
        summary="Deliver again what has ended, under the same id", answer=out.Delivery, status=202, fails=(409,)
    ),
}
OPERATIONS: dict[str, Operation] = ACCOUNTS | TASKS | MODELS | WEBHOOKS | GALLERY | OPERATION
