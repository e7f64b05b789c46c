"""What ended badly, by API and page: listed with its history, tried again, discarded. For administrators only."""

import re

import pytest
from conftest import bearer

from lumi_box.errors import Refused, Unavailable
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import lifecycle
from lumi_box.tables import base
from lumi_box.tables.generation import GenerationRequest, Image
from lumi_box.tables.job import Attempt, Job
from lumi_box.worker import sweeps

PATH = "/api/v1/workers/dead-letter"


@pytest.fixture
def request_row(box, alice, drain, images):
    """One picture refused, one timed out three times, two painted."""
    request = accept_prompt(box, alice.id, "a crane")
    images.fail_next(Refused("Please change it.", code="DataInspection", vendor_text="inspection", request_id="r-1"))
    late = Job.select().order_by(Job.turn.desc()).first()
    Job.update(status="CANCELLED").where(Job.id == late.id).execute()
    drain()
    Job.update(status="PENDING").where(Job.id == late.id).execute()
    for _ in range(3):
        taken = lifecycle.claim(box, late.id)
        with base.transaction():
            lifecycle.snooze(box, taken, 60)
        Job.update(deadline_at=1).where(Job.id == late.id).execute()
        sweeps.recover_jobs(box)
        Job.update(run_after=0).where(Job.status == "RETRYING").execute()
    assert sorted(job.status for job in Job.select()) == ["COMPLETED", "COMPLETED", "FAILED", "TIMEOUT"]
    return request


def listed(client, admin, query=""):
    answer = client.get(PATH + query, headers=bearer(admin))
    assert answer.status_code == 200
    return answer.json["data"]


def test_trap_8_dead_letters_are_listed_whatever_killed_them(client, admin, request_row):
    """The dead-letter listing asked for states in which dead letters never are."""
    found = listed(client, admin)
    assert found["total"] == 2
    late, refused = found["jobs"]
    assert (late["status"], refused["status"]) == ("TIMEOUT", "FAILED")
    assert (refused["originalQueue"], refused["requestId"], refused["attempts"]) == ("image", request_row.id, 1)
    assert (refused["error"], refused["errorCode"]) == ("Please change it.", "DataInspection")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", refused["failedAt"])
    (attempt,) = refused["history"]
    assert (attempt["outcome"], attempt["error"], attempt["vendorRequestId"]) == ("refused", "inspection", "r-1")
    assert attempt["milliseconds"] >= 0
    assert [each["outcome"] for each in late["history"]] == ["timeout"] * 3


def test_the_list_is_cut_into_pages(client, admin, request_row):
    first, second = listed(client, admin, "?limit=1"), listed(client, admin, "?limit=1&offset=1")
    assert [job["status"] for job in first["jobs"] + second["jobs"]] == ["TIMEOUT", "FAILED"]
    assert first["total"] == second["total"] == 2


def test_one_is_tried_again(client, admin, request_row, drain):
    for job in listed(client, admin)["jobs"]:
        answer = client.post(f"{PATH}/{job['id']}/retry", headers=bearer(admin))
        assert (answer.status_code, answer.json["data"]["status"]) == (200, "PENDING")
        assert client.post(f"{PATH}/{job['id']}/retry", headers=bearer(admin)).status_code == 409
    drain()
    assert listed(client, admin) == {"total": 0, "jobs": []}
    assert GenerationRequest.get().status == "IMAGE_COMPLETED"
    assert {image.status for image in Image.select()} == {"COMPLETED"}


def test_all_are_tried_again_but_what_has_been_replaced(client, admin, request_row, drain):
    replaced = Job.get(Job.status == "FAILED")
    Image.update(job_id="another").where(Image.id == replaced.target_id).execute()
    answer = client.post(f"{PATH}/retry-all", headers=bearer(admin)).json["data"]
    assert len(answer["retried"]) == 1
    assert list(answer["refused"]) == [replaced.id]
    drain()
    assert [job["id"] for job in listed(client, admin)["jobs"]] == [replaced.id]


def test_discarding_takes_the_job_and_its_history_and_leaves_the_picture_failed(
    client, admin, alice, request_row, drain
):
    for job in listed(client, admin)["jobs"]:
        assert client.delete(f"{PATH}/{job['id']}", headers=bearer(admin)).status_code == 200
        assert client.delete(f"{PATH}/{job['id']}", headers=bearer(admin)).status_code == 404
    assert Job.select().count() == Attempt.select().count() == 2
    shown = client.get(f"/api/v1/tasks/{request_row.id}", headers=bearer(alice)).json["data"]
    failed = [image for image in shown["images"] if image["imageStatus"] == "FAILED"]
    assert [image["generationJob"] for image in failed] == [None, None]
    assert client.post(f"/api/v1/tasks/{request_row.id}/retry", headers=bearer(alice)).status_code == 200
    drain()
    assert {image.status for image in Image.select()} == {"COMPLETED"}


def test_a_living_job_is_no_dead_letter(client, admin, box, alice):
    accept_prompt(box, alice.id, "a crane")
    job = Job.get()
    assert client.post(f"{PATH}/{job.id}/retry", headers=bearer(admin)).status_code == 409
    assert client.delete(f"{PATH}/{job.id}", headers=bearer(admin)).status_code == 409
    assert client.post(f"{PATH}/nothing/retry", headers=bearer(admin)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", "/retry-all"), ("POST", "/x/retry"), ("DELETE", "/x")],
)
def test_others_are_kept_out(client, alice, method, path):
    assert client.open(PATH + path, method=method).status_code == 401
    assert client.open(PATH + path, method=method, headers=bearer(alice)).status_code == 403


def test_the_list_asks_the_same_number_of_questions_whatever_its_length(client, admin, request_row, queries):
    headers = bearer(admin)
    counts = []
    for limit in (1, 1, 2):  # the first notes that the token was used
        queries.clear()
        client.get(f"{PATH}?limit={limit}", headers=headers)
        counts.append(len(queries))
    assert counts[1] == counts[2]


def press(client, admin, path):
    headers = bearer(admin)
    page = client.get("/admin/dead-letters", headers=headers).get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
    assert f'action="{path}"' in page
    answer = client.post(path, data={"csrf_token": token}, headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/dead-letters")
    return client.get("/admin/dead-letters", headers=headers).get_data(as_text=True)


def test_the_page_shows_the_history_and_its_buttons_work_without_script(client, admin, request_row, drain):
    page = client.get("/admin/dead-letters", headers=bearer(admin)).get_data(as_text=True)
    for word in ("Please change it.", "DataInspection", "inspection", "r-1", "History", "timeout"):
        assert word in page, word
    assert "2 dead letters" in client.get("/admin", headers=bearer(admin)).get_data(as_text=True)
    refused, late = Job.get(Job.status == "FAILED").id, Job.get(Job.status == "TIMEOUT").id
    page = press(client, admin, f"/admin/dead-letters/{refused}/discard")
    assert "discarded" in page
    assert refused not in page
    page = press(client, admin, f"/admin/dead-letters/{late}/retry")
    assert "waits again" in page
    assert "No dead letters" in page
    drain()
    assert Job.get_by_id(late).status == "COMPLETED"


def test_the_pages_button_for_all(client, admin, request_row, images, drain):
    page = press(client, admin, "/admin/dead-letters/retry-all")
    assert "2 jobs wait again" in page
    images.fail_next(Unavailable("down"))
    drain(later=True)
    assert GenerationRequest.get().status == "IMAGE_COMPLETED"
