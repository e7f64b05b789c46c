"""The pick becomes a model and its job; the model becomes files."""

import json

import pytest
import trimesh

from lumi_box.errors import Conflict, Refused, Unavailable
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.providers.base import Pending
from lumi_box.tables.event import Event
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Job


@pytest.fixture
def painted(box, alice, drain):
    request = accept_prompt(box, alice.id, "a paper crane")
    drain()
    return request


def status(request):
    return GenerationRequest.get_by_id(request.id).status


def test_a_pick_makes_a_private_model_and_its_job(box, painted, queue):
    model = pick_image(box, painted, 2)
    assert (model.status, model.progress, model.visibility) == ("PENDING", 0, "PRIVATE")
    assert model.image.position == 2
    assert status(painted) == "MODEL_PENDING"
    assert queue.huey.pending_count() == 1


def test_a_pick_that_fails_half_way_leaves_nothing(box, painted, monkeypatch):
    def broken(*_):
        raise RuntimeError("no message")

    monkeypatch.setattr(box, "enqueue", broken)
    with pytest.raises(RuntimeError):
        pick_image(box, painted, 0)
    assert GeneratedModel.select().count() == 0
    assert GenerationRequest.get_by_id(painted.id).selected_position is None
    assert status(painted) == "IMAGE_COMPLETED"


def test_the_model_is_built_and_every_file_is_kept(box, painted, drain):
    pick_image(box, painted, 0)
    drain()
    model = GeneratedModel.get()
    assert (model.status, model.progress, status(painted)) == ("COMPLETED", 100, "COMPLETED")
    assert model.face_count == 12
    for column in ("obj_key", "mtl_key", "texture_key", "glb_key", "stl_key", "threemf_key", "preview_key"):
        with box.storage.open(getattr(model, column)) as stream:
            assert stream.read(1)
    with box.storage.open(model.stl_key) as stream:
        solid = trimesh.load(stream, file_type="stl")
    assert solid.is_watertight
    assert solid.extents[2] == pytest.approx(60.0, abs=0.01)
    names = [row.name for row in Event.select().order_by(Event.id)]
    assert names.index("model:generating") < names.index("model:progress") < names.index("model:completed")


def test_an_image_can_be_picked_while_others_are_still_painted(box, alice, drain, images):
    request = accept_prompt(box, alice.id, "a crane")
    images.fail_next(Unavailable("later", retry_after=30))
    drain()
    assert status(request) == "IMAGE_GENERATING"
    done = Image.get(Image.status == "COMPLETED")
    pick_image(box, request, done.position)
    assert status(request) == "MODEL_PENDING"
    drain(later=True)
    assert status(request) == "COMPLETED"
    assert {image.status for image in Image.select()} == {"COMPLETED"}


def test_an_unfinished_image_cannot_be_picked(box, alice):
    request = accept_prompt(box, alice.id, "a crane")
    with pytest.raises(Conflict, match="not finished"):
        pick_image(box, request, 0)


def test_a_second_pick_is_a_conflict_before_during_and_after(box, painted, drain, models):
    models.slow = True
    models.tickets.append(Pending(40))
    pick_image(box, painted, 0)
    for moment in ("pending", "generating", "completed"):
        with pytest.raises(Conflict):
            pick_image(box, painted, 1)
        if moment != "completed":
            drain(later=moment == "generating")
    assert status(painted) == "COMPLETED"


def test_trap_12_a_failed_model_lets_the_user_pick_again(box, painted, drain, models):
    """A failed model used to leave its request generating, with no way to pick again."""
    models.fail_next(Refused("The picture cannot be modelled.", code="FailedOperation"))
    first = pick_image(box, painted, 0)
    drain()
    assert status(painted) == "MODEL_FAILED"
    assert GeneratedModel.get().error_message == "The picture cannot be modelled."
    second = pick_image(box, painted, 3)
    assert second.id == first.id
    drain()
    model = GeneratedModel.get()
    assert (model.status, model.error_message, model.image.position) == ("COMPLETED", None, 3)
    assert Job.select().where(Job.kind == "model3d").count() == 2


def test_the_vendors_progress_reaches_the_event_log(box, painted, drain, models):
    models.slow = True
    models.tickets.extend([Pending(25), Pending(80)])
    pick_image(box, painted, 0)
    drain(later=True)
    told = [json.loads(row.data)["progress"] for row in Event.select().where(Event.name == "model:progress")]
    assert told == sorted(told)
    assert {25, 80} <= set(told)
