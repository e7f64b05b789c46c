"""The served description is of this application, and answers are as it says."""

import jsonschema
import pytest
from conftest import bearer
from shelf import published_model

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.web import openapi
from lumi_box.web.reference import OPERATIONS


@pytest.fixture
def document(client):
    return client.get("/api/openapi.json").json


def test_every_route_is_described_and_nothing_else_is(app):
    assert {f"{method} {path}" for method, path, _ in openapi.routes(app)} == set(OPERATIONS)


def test_the_document_is_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids)) == len(OPERATIONS)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_parameter_of_a_path_is_described(document):
    for path, operations in document["paths"].items():
        for operation in operations.values():
            described = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert described == {part[1:-1] for part in path.split("/") if part.startswith("{")}
            assert "500" in operation["responses"]


def test_what_comes_in_is_described_by_what_checks_it(document):
    prompt = document["components"]["schemas"]["PromptIn"]
    assert prompt["required"] == ["prompt"]
    assert (prompt["properties"]["prompt"]["minLength"], prompt["properties"]["prompt"]["maxLength"]) == (1, 500)


def assert_described(document, answer, method, path):
    """The body is what the document says of this status; what it does not name may not be there."""
    responses = document["paths"][path][method.lower()]["responses"]
    assert str(answer.status_code) in responses, (path, answer.status_code)
    schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
    whole = schema | {"components": document["components"]}
    validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
    assert list(validator.iter_errors(answer.json)) == [], path


def test_answers_are_as_described(client, box, alice, drain, document, admin):
    headers = bearer(alice)
    model = published_model(alice)
    task = accept_prompt(box, alice.id, "a paper crane").id
    told = {"model_id": model.id, "task_id": task}
    calls = [
        ("GET", "/tasks/{task_id}", None),
        ("GET", "/tasks", None),
        ("GET", "/models/{model_id}", None),
        ("PATCH", "/models/{model_id}", {"name": "a swan"}),
        ("PATCH", "/models/{model_id}/visibility", {"visibility": "PUBLIC"}),
        ("GET", "/gallery/models", None),
        ("GET", "/gallery/models/{model_id}", None),
        ("GET", "/gallery/models/{model_id}/interactions", None),
        ("POST", "/gallery/models/{model_id}/interactions", {"type": "LIKE"}),
        ("POST", "/gallery/models/{model_id}/download", None),
        ("POST", "/gallery/models/{model_id}/report", {"reason": "x"}),
        ("POST", "/gallery/models/batch-interactions", {"modelIds": [model.id]}),
        ("POST", "/gallery/models/batch-interactions", {"modelIds": []}),
        *(("GET", f"/users/{name}", None) for name in ("models", "my-models", "likes", "favorites", "stats")),
        ("GET", "/auth/me", None),
        ("GET", "/auth/tokens", None),
        ("POST", "/auth/tokens", {"name": "x"}),
        ("GET", "/auth/sessions", None),
        ("GET", "/workers/status", None),
        ("GET", "/workers/dead-letter", None),
        ("GET", "/health", None),
        ("POST", "/tasks", {"prompt": "a fox"}),
        ("POST", "/tasks", {"prompt": ""}),
        ("POST", "/tasks/{task_id}/cancel", None),
        ("POST", "/tasks/{task_id}/cancel", None),
        ("POST", "/tasks/{task_id}/retry", None),
        ("POST", "/tasks/{task_id}/print", None),
        ("GET", "/tasks/{task_id}/print-status", None),
        ("DELETE", "/tasks/{task_id}", None),
        ("DELETE", "/tasks/{task_id}", None),
        ("DELETE", "/models/{model_id}", None),
    ]
    for method, path, body in calls:
        answer = client.open(f"/api/v1{path.format(**told)}", method=method, json=body, headers=headers)
        assert_described(document, answer, method, path)


def test_a_task_at_every_step_is_as_described(client, box, alice, drain, document, images):
    headers, path = bearer(alice), "/tasks/{task_id}"
    task = accept_prompt(box, alice.id, "a paper crane").id
    drain()
    assert_described(document, client.get(f"/api/v1/tasks/{task}", headers=headers), "GET", path)
    picked = client.patch(f"/api/v1/tasks/{task}", json={"selectedImageIndex": 1}, headers=headers)
    assert_described(document, picked, "PATCH", path)
    drain()
    done = client.get(f"/api/v1/tasks/{task}", headers=headers)
    assert_described(document, done, "GET", path)
    assert done.json["data"]["status"] == "COMPLETED"


def test_the_operators_answers_are_as_described(client, admin, document):
    for path in ("/workers/dead-letter", "/health/detailed"):
        assert_described(document, client.get(f"/api/v1{path}", headers=bearer(admin)), "GET", path)


def test_the_page_reads_with_what_the_box_brings(client, box):
    page = client.get("/api/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    text = page.get_data(as_text=True)
    assert "swagger-ui" in text and "https://" not in text
    assert "/api/docs" in client.get("/about").get_data(as_text=True)
