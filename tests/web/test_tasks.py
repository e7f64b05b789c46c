"""/tasks as clients rely on it."""

import pytest
from conftest import bearer

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.tables.generation import GenerationRequest

TASK = {
    "id",
    "userId",
    "prompt",
    "originalPrompt",
    "status",
    "phase",
    "selectedImageIndex",
    "createdAt",
    "updatedAt",
    "completedAt",
    "errorMessage",
    "images",
    "model",
}
IMAGE = {
    "id",
    "requestId",
    "index",
    "imageUrl",
    "url",
    "thumbnailUrl",
    "imagePrompt",
    "imageStatus",
    "createdAt",
    "completedAt",
    "failedAt",
    "errorMessage",
    "generationJob",
}
MODEL = {
    "id",
    "userId",
    "source",
    "requestId",
    "sourceImageId",
    "name",
    "description",
    "modelUrl",
    "mtlUrl",
    "textureUrl",
    "glbUrl",
    "previewImageUrl",
    "format",
    "fileSize",
    "faceCount",
    "vertexCount",
    "visibility",
    "publishedAt",
    "viewCount",
    "likeCount",
    "favoriteCount",
    "downloadCount",
    "generationStatus",
    "progress",
    "sliceTaskId",
    "printStatus",
    "createdAt",
    "updatedAt",
    "completedAt",
    "failedAt",
    "errorMessage",
    "generationJob",
}
JOB = {"id", "status", "retryCount", "progress"}


@pytest.fixture
def headers(alice):
    return bearer(alice)


def test_a_prompt_answers_201_with_the_whole_task(client, headers, alice):
    answer = client.post("/api/v1/tasks", json={"prompt": "  一只可爱的小猫  "}, headers=headers)
    assert answer.status_code == 201
    task = answer.json["data"]
    assert set(task) == TASK
    assert (task["prompt"], task["originalPrompt"], task["userId"]) == ("一只可爱的小猫", "一只可爱的小猫", alice.id)
    assert (task["status"], task["phase"], task["model"]) == ("IMAGE_PENDING", "IMAGE_GENERATION", None)
    assert [image["index"] for image in task["images"]] == [0, 1, 2, 3]
    for image in task["images"]:
        assert set(image) == IMAGE
        assert set(image["generationJob"]) == JOB
        assert (image["imageStatus"], image["imageUrl"], image["generationJob"]["status"]) == (
            "PENDING",
            None,
            "PENDING",
        )
    assert task["createdAt"].endswith("Z")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "   "}, "prompt"),
        ({"prompt": "x" * 501}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": "x", "promt": "y"}, "promt"),
        ({"prompt": "x", "variants": ["a", "b", "c"]}, "variants"),
        ({"prompt": "x", "variants": ["a", "b", "", "d"]}, "variants.2"),
        ({"prompt": "x", "optimizePrompt": "perhaps"}, "optimizePrompt"),
        ([], "body"),
        ("text", "body"),
        (None, "body"),
    ],
)
def test_bad_input_names_the_field_and_writes_nothing(client, headers, body, field):
    answer = client.post("/api/v1/tasks", json=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json["status"] == "fail"
    assert answer.json["data"]["code"] == "VALIDATION_ERROR"
    assert field in answer.json["data"]["details"]
    assert GenerationRequest.select().count() == 0


def test_a_body_that_is_not_json_is_bad_input(client, headers):
    answer = client.post("/api/v1/tasks", data=b"{", content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json["data"]["code"]) == (400, "VALIDATION_ERROR")


def test_a_prompt_of_500_characters_is_taken(client, headers):
    assert client.post("/api/v1/tasks", json={"prompt": " " + "猫" * 500 + " "}, headers=headers).status_code == 201


def test_the_list_is_newest_first_in_pages(client, headers, box, alice, bob):
    ids = [accept_prompt(box, alice.id, f"crane {number}").id for number in range(5)]
    accept_prompt(box, bob.id, "not mine")
    page = client.get("/api/v1/tasks?limit=2&offset=1", headers=headers).json["data"]
    assert page["total"] == 5
    assert [task["id"] for task in page["items"]] == [ids[3], ids[2]]
    for bad in ("limit=0", "limit=101", "limit=x", "offset=-1"):
        assert client.get(f"/api/v1/tasks?{bad}", headers=headers).status_code == 400


def test_a_task_has_an_etag_and_answers_304(client, headers, box, alice, drain):
    path = f"/api/v1/tasks/{accept_prompt(box, alice.id, 'a crane').id}"
    first = client.get(path, headers=headers)
    again = client.get(path, headers=headers | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    drain()
    changed = client.get(path, headers=headers | {"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_idempotency(client, headers):
    keyed = headers | {"Idempotency-Key": "abc"}
    first = client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=keyed)
    again = client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=keyed)
    other = client.post("/api/v1/tasks", json={"prompt": "a swan"}, headers=keyed)
    assert first.json["data"]["id"] == again.json["data"]["id"]
    assert (other.status_code, other.json["data"]["code"]) == (409, "INVALID_STATE")


def test_the_flow_to_a_finished_model(client, headers, drain):
    task = client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=headers).json["data"]
    path = f"/api/v1/tasks/{task['id']}"
    early = client.patch(path, json={"selectedImageIndex": 2}, headers=headers)
    assert (early.status_code, early.json["data"]["code"]) == (409, "INVALID_STATE")
    drain()
    picked = client.patch(path, json={"selectedImageIndex": 2}, headers=headers)
    assert picked.status_code == 200
    assert picked.json["data"]["selectedImageIndex"] == 2
    model = picked.json["data"]["model"]
    assert set(model) == MODEL
    assert (model["generationStatus"], model["progress"], model["visibility"]) == ("PENDING", 0, "PRIVATE")
    assert client.patch(path, json={"selectedImageIndex": 1}, headers=headers).status_code == 409
    drain()
    done = client.get(path, headers=headers).json["data"]
    assert (done["status"], done["phase"], done["selectedImageIndex"]) == ("COMPLETED", "COMPLETED", 2)
    assert done["model"]["format"] == "OBJ"
    assert done["model"]["modelUrl"].endswith("/model.obj")
    assert done["completedAt"]


@pytest.mark.parametrize(
    "body", [{}, {"selectedImageIndex": 4}, {"selectedImageIndex": -1}, {"selectedImageIndex": "x"}]
)
def test_a_bad_pick_names_the_field(client, headers, box, alice, body):
    path = f"/api/v1/tasks/{accept_prompt(box, alice.id, 'a crane').id}"
    answer = client.patch(path, json=body, headers=headers)
    assert answer.status_code == 400
    assert "selectedImageIndex" in answer.json["data"]["details"]


def test_cancel_retry_redo_delete(client, headers, drain):
    task = client.post("/api/v1/tasks", json={"prompt": "a crane"}, headers=headers).json["data"]
    path = f"/api/v1/tasks/{task['id']}"
    assert client.post(f"{path}/cancel", headers=headers).json["data"]["status"] == "CANCELLED"
    assert client.post(f"{path}/cancel", headers=headers).status_code == 409
    assert client.post(f"{path}/retry", headers=headers).json["data"]["status"] == "IMAGE_GENERATING"
    drain()
    redone = client.post(f"{path}/images/3/redo", headers=headers)
    assert redone.json["data"]["images"][3]["imageStatus"] == "PENDING"
    assert client.post(f"{path}/images/4/redo", headers=headers).status_code == 400
    assert client.delete(path, headers=headers).status_code == 200
    assert client.get(path, headers=headers).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_rows(client, headers, box, alice, queries):
    counts = []
    client.get("/api/v1/tasks", headers=headers)  # the first use of a token is written down
    for rows in (2, 20):
        while GenerationRequest.select().count() < rows:
            accept_prompt(box, alice.id, "a crane")
        queries.clear()
        client.get("/api/v1/tasks?limit=100", headers=headers)
        counts.append(len(queries))
    assert counts[0] == counts[1] < 12
