"""What a creation's page offers in each state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask_babel import Babel

from lumi_box.web.pages import progress as stage
from lumi_box.web.pages.local import local_path
from lumi_box.web.pages.progress import Progress
from lumi_box.web.pages.texts import ago, here, said, status_text

DONE, FAILED, PENDING, PAINTING = "COMPLETED", "FAILED", "PENDING", "GENERATING"


@pytest.fixture(autouse=True)
def request_context() -> Iterator[None]:
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        yield


def test_one_finished_picture_can_be_picked_while_others_are_painted() -> None:
    progress = Progress("IMAGE_GENERATING", (DONE, PAINTING, FAILED, PENDING), None)
    assert progress.can_pick
    assert progress.running
    assert progress.step == stage.PICK
    assert progress.detail.startswith("1 of 4 pictures is ready")


@pytest.mark.parametrize("model", [PENDING, PAINTING, DONE])
def test_no_other_picture_can_be_picked_once_a_model_is_begun(model: str) -> None:
    progress = Progress("MODEL_GENERATING", (DONE,) * 4, model)
    assert not progress.can_pick
    assert not progress.can_redo
    assert not progress.can_retry


def test_after_a_failed_model_it_can_be_retried_or_another_picture_picked() -> None:
    progress = Progress("MODEL_FAILED", (DONE,) * 4, FAILED)
    assert progress.can_pick
    assert progress.can_retry
    assert not progress.can_redo
    assert not progress.running


def test_four_failed_pictures_can_be_retried() -> None:
    progress = Progress("IMAGE_FAILED", (FAILED,) * 4, None)
    assert progress.can_retry
    assert progress.step == stage.PICTURES
    assert progress.headline == "None of the pictures worked out"


def test_what_a_cancelled_creation_has_can_still_be_picked_and_the_rest_gone_on_with() -> None:
    progress = Progress("CANCELLED", (DONE, FAILED, FAILED, FAILED), None)
    assert progress.can_pick
    assert progress.can_retry
    assert not progress.running
    assert progress.headline == "Cancelled"


@pytest.mark.parametrize(
    "wanted",
    [None, "", "creations", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "/a\n/b"],
)
def test_a_form_never_sends_the_reader_to_another_host(wanted: str | None) -> None:
    assert local_path(wanted, "/") == "/"


@pytest.mark.parametrize("wanted", ["/", "/creations/abc?page=2", "/?prompt=a%20fox&x=//y"])
def test_a_path_of_this_site_is_kept(wanted: str) -> None:
    assert local_path(wanted, "/otherwise") == wanted


def test_a_file_is_asked_of_the_host_that_the_page_came_from() -> None:
    assert here("http://box.example:5000/files/s/abc/model.glb?v=1") == "/files/s/abc/model.glb?v=1"
    assert here(None) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "just now"), (-5, "in a moment"), (7200, "2 hours ago"), (-7200, "in 2 hours"), (-86_400 * 3, "in 3 days")],
)
def test_what_will_be_is_not_told_as_if_it_had_been(seconds: int, words: str) -> None:
    assert ago(datetime.now(UTC) - timedelta(seconds=seconds)) == words


def test_what_is_far_off_is_told_by_its_date() -> None:
    for distance in (timedelta(days=400), timedelta(days=-400)):
        assert str((datetime.now(UTC) + distance).year) in ago(datetime.now(UTC) + distance)


def test_an_unknown_state_is_shown_as_it_is() -> None:
    assert status_text("MODEL_FAILED") == "Model failed"
    assert status_text("SOMETHING_NEW") == "SOMETHING_NEW"
    assert said(None) == ""
