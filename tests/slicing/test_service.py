"""The slicer service: its protocol, each row of its table of errors, and answers that are not to be believed."""

import dataclasses
import json
import logging
import threading

import pytest
from emulators.slicer import GCODE, SlicerEmulator, height_of
from slicing.conftest import binary_stl, finished_model, make_due, with_slicer

from lumi_box.clock import now_ms
from lumi_box.slicing import names, service, states
from lumi_box.slicing.begin import begin
from lumi_box.slicing.step import RESULTLESS, Step
from lumi_box.storage import ledger
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.slicing import Slicing
from lumi_box.tables.stored_object import StoredObject


@pytest.fixture
def steps(service_box):
    """Runs one step, as a worker does that finds it due; answers the row as it is then."""
    opened = []

    def run(times=1, client=None):
        opened.append(client or service.connected(service_box.config))
        for _ in range(times):
            make_due()
            row = states.claim(states.due()[0])
            if row is None:
                break
            Step(service_box, row, opened[-1], threading.Event()).run()
            if Slicing.select().where(Slicing.status == names.SLICING).count() == 0:
                break
        return Slicing.select().order_by(Slicing.id.desc()).get()

    yield run
    for each in opened:
        each.close()


@pytest.fixture
def row(service_box, model):
    return begin(service_box, model)


def wait_of(row):
    return (row.due_at - now_ms()) / 1000


def test_from_the_order_to_the_gcode(service_box, slicer, model, row, steps):
    slicer.settings.stages = ("PENDING", "FETCHING", "PROCESSING", "SOMETHING_NEW", "COMPLETED")
    done = steps(20)
    (task,) = slicer.tasks
    order = task.order
    assert order["file_name"] == f"{model.id}.stl" and order["task_info"] == {"model_source": "ai_created"}
    assert order["object_url"].startswith(f"{service_box.config.public_url}/files/s/")
    assert order["object_url"].endswith(f"/models/{model.id}/model.stl")
    assert slicer.calls == ["create", *["query"] * 5, "fetch"]
    assert (done.status, done.progress, done.remote_id) == ("SLICE_COMPLETE", 100, task.id)
    assert done.gcode_facts == {"layer_height": 0.2, "print_time_seconds": 5400.0, "filament_grams": 23.7}
    assert GeneratedModel.get().print_status == "SLICE_COMPLETE"
    assert StoredObject.get(StoredObject.key == done.gcode_key).state == ledger.STORED
    with service_box.storage.open(done.gcode_key) as stored:
        assert stored.read() == GCODE


def test_its_progress_is_told_meanwhile(slicer, row, steps):
    assert steps(2).progress == 0
    assert steps(1).progress == 33
    slicer.settings.fields = {"progress": None}
    assert steps(1).progress is None


def test_another_height_is_made_for_it_and_goes_afterwards(service_box, slicer, model, steps):
    begin(service_box, model, 90.0)
    waiting = steps(1)
    assert slicer.tasks[0].order["object_url"].endswith(f"/{waiting.stl_key}")
    with service_box.storage.open(waiting.stl_key) as stored:
        assert height_of(stored.read()) == pytest.approx(90.0, abs=0.001)
    assert StoredObject.get(StoredObject.key == waiting.stl_key).state == ledger.STORED
    done = steps(20)
    assert done.status == "SLICE_COMPLETE" and done.stl_key is None
    assert StoredObject.get(StoredObject.key == waiting.stl_key).state == ledger.DOOMED


def test_a_flat_model_cannot_be_scaled(service_box, alice, steps):
    flat = finished_model(service_box, alice, binary_stl([((0, 0, 0), (1, 0, 0), (0, 1, 0))]))
    begin(service_box, flat, 90.0)
    done = steps(1)
    assert (done.status, done.error_message, done.error_code) == ("FAILED", names.NOT_ACCEPTED, "unusable_stl")


def test_after_a_restart_it_is_asked_after_by_its_id(service_box, slicer, row, steps):
    """The worker dies right after the order: before that is a wait, there is an id."""
    client = service.connected(service_box.config)
    dead = states.claim(states.due()[0])
    assert states.ordered(dead, client.submit("https://x.example/a.stl", "a.stl"))
    client.close()
    done = steps(20)  # its lease ran out
    assert done.status == "SLICE_COMPLETE"
    assert slicer.calls.count("create") == 1 and done.remote_id == slicer.tasks[0].id


BUSY_ROWS = [(status, seconds) for status in (429, 502, 503, 504) for seconds in (None, 9)]


@pytest.mark.parametrize(("status", "seconds"), BUSY_ROWS)
@pytest.mark.parametrize("operation", ["create", "query"])
def test_busy_waits_as_long_as_it_says_and_uses_up_nothing(slicer, row, steps, operation, status, seconds):
    if operation == "query":
        steps(1)
    slicer.fault(operation, "answer", times=4, status=status, body={"detail": "later"}, retry_after=seconds)
    for _ in range(4):
        waiting = steps(1)
        assert (waiting.status, waiting.tries, waiting.error_message) == ("SLICING", 0, names.BUSY)
        assert wait_of(waiting) > (8.5 if seconds else 1.5)
    done = steps(20)
    assert (done.status, done.error_message) == ("SLICE_COMPLETE", None)
    assert slicer.calls.count("create") == 1


@pytest.mark.parametrize("status", [400, 422, 413, 404, 401, 418])
def test_other_refusals_of_an_order_are_the_end(slicer, row, steps, status):
    slicer.fault("create", "answer", status=status, body={"detail": "object_url: not an STL"})
    done = steps(1)
    words = names.NOT_ACCEPTED if status in (400, 413, 422) else names.WENT_WRONG
    assert (done.status, done.error_message, done.error_code) == ("FAILED", words, f"http_{status}")
    assert "not an STL" in done.error_text


@pytest.mark.parametrize(("status", "words"), [(404, names.FORGOTTEN), (403, names.WENT_WRONG)])
def test_refusals_of_a_query_are_the_end(slicer, row, steps, status, words):
    steps(1)
    slicer.fault("query", "answer", status=status, body={"detail": "Task not found"})
    done = steps(1)
    assert (done.status, done.error_message) == ("FAILED", words)
    assert GeneratedModel.get().print_status == "FAILED"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("answer", {"status": 500, "body": {"detail": "Internal Server Error"}}),
        ("reset-after", {}),
        ("empty-body", {}),
        ("not-json", {}),
        ("truncated-json", {}),
        ("cut-short", {}),
        ("endless", {}),
    ],
)
def test_an_order_without_an_answer_is_repeated_twice_and_no_more(slicer, row, steps, name, options):
    slicer.fault("create", name, times=None, **options)
    for number in (1, 2):
        waiting = steps(1)
        assert (waiting.status, waiting.tries, waiting.remote_id) == ("SLICING", number, None)
    assert steps(1).status == "FAILED"


def test_an_order_that_did_get_its_answer_the_second_time(slicer, row, steps):
    slicer.fault("create", "reset-after")
    assert steps(20).status == "SLICE_COMPLETE"
    assert slicer.calls.count("create") == 2  # which costs the machine's time once more


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("answer", {"status": 500, "body": {"detail": "Internal Server Error"}}),
        ("reset-before", {}),
        ("not-json", {}),
        ("answer", {"status": 200, "body": [1, 2]}),
        ("answer", {"status": 200, "body": b"[" * 100_000}),
        ("endless", {}),
    ],
)
def test_a_query_without_an_answer_is_repeated(slicer, row, steps, name, options):
    steps(1)
    slicer.fault("query", name, times=5, **options)
    waiting = steps(5)
    assert (waiting.status, waiting.tries) == ("SLICING", 0) and waiting.error_message
    assert steps(20).status == "SLICE_COMPLETE"
    assert slicer.calls.count("create") == 1


def test_a_slow_answer_is_not_waited_for_without_end(slicer, row, steps, monkeypatch):
    monkeypatch.setattr(service, "TIMEOUT_SECONDS", 0.3)
    slicer.fault("create", "hang-after")
    assert steps(1).error_message == names.LOST
    slicer.fault("query", "drip", times=2, interval=0.1)
    assert steps(2).error_message == names.LOST
    assert steps(20).status == "SLICE_COMPLETE"


def test_a_service_that_is_down_is_waited_for_until_the_deadline(service_box, row, steps):
    with SlicerEmulator() as gone:
        pass
    with_slicer(service_box, url=gone.url)
    client = service.connected(service_box.config)
    for _ in range(5):
        waiting = steps(1, client)
        assert (waiting.status, waiting.error_message, waiting.tries) == ("SLICING", names.UNREACHABLE, 0)
    Slicing.update(deadline_at=now_ms() - 1).execute()
    done = steps(1, client)
    assert (done.status, done.error_message, done.error_code) == ("FAILED", names.UNREACHABLE, "connect")


@pytest.mark.parametrize("operation", ["create", "query"])
def test_a_redirect_is_a_wrong_address(slicer, row, steps, operation):
    if operation == "query":
        steps(1)
    slicer.fault(operation, "redirect", to=f"{slicer.url}/elsewhere")
    done = steps(1)
    assert (done.status, done.error_code) == ("FAILED", "redirect")


def test_a_task_that_failed_shows_that_and_logs_why(slicer, row, steps, caplog):
    slicer.settings.stages, slicer.settings.error = ("PROCESSING", "FAILED"), "orca-slicer: -3 (mesh is empty)"
    with caplog.at_level(logging.WARNING):
        done = steps(20)
    assert (done.status, done.error_message) == ("FAILED", names.NOT_SLICED)
    assert "mesh is empty" in done.error_text and "mesh is empty" in caplog.text
    assert "mesh" not in done.error_message


def test_a_task_that_was_cancelled(slicer, row, steps):
    slicer.settings.stages = ("CANCELLED",)
    done = steps(20)
    assert (done.status, done.error_message) == ("FAILED", names.CANCELLED)


@pytest.mark.parametrize("status", ["PROCESSING", "WHATEVER", "", None, 7])
def test_what_never_ends_ends_at_the_deadline(slicer, row, steps, status):
    slicer.settings.fields = {"status": status}
    assert steps(6).status == "SLICING"
    Slicing.update(deadline_at=now_ms() - 1).execute()
    done = steps(1)
    assert (done.status, done.error_message) == ("FAILED", names.TOO_LONG)


def test_what_was_finished_while_nobody_asked_is_fetched_past_the_deadline(slicer, row, steps):
    slicer.settings.stages = ("COMPLETED",)
    steps(1)
    Slicing.update(deadline_at=now_ms() - 1).execute()
    assert steps(1).status == "SLICE_COMPLETE"


@pytest.mark.parametrize("what", ["resultless", "expired"])
def test_a_result_without_a_file_is_asked_for_again_a_few_times(slicer, row, steps, what):
    slicer.settings.stages = ("COMPLETED",)
    setattr(slicer.settings, what, RESULTLESS - 1)
    assert steps(20).status == "SLICE_COMPLETE"
    assert slicer.calls.count("query") == RESULTLESS


@pytest.mark.parametrize(("what", "code"), [("resultless", "no_url"), ("expired", "result_expired")])
def test_and_not_for_ever(slicer, row, steps, what, code):
    slicer.settings.stages = ("COMPLETED",)
    setattr(slicer.settings, what, 1000)
    done = steps(50)
    assert (done.status, done.error_code) == ("FAILED", code)
    assert slicer.calls.count("query") == RESULTLESS


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://10.0.0.1/x.gcode", "forbidden_address"),
        ("http://169.254.169.254/latest/meta-data/", "forbidden_address"),
        ("file:///etc/passwd", "forbidden_address"),
        ("http://127.0.0.1:1/x", "forbidden_address"),  # the slicer's own host, at another port
        ("not an address", "forbidden_address"),
    ],
)
def test_a_result_elsewhere_is_not_fetched(slicer, row, steps, address, code):
    slicer.settings.stages, slicer.settings.address = ("COMPLETED",), address
    done = steps(20)
    assert (done.status, done.error_code) == ("FAILED", code)


def test_a_store_beside_it_can_be_allowed(service_box, slicer, row, steps):
    with SlicerEmulator() as store:
        slicer.settings.stages = ("COMPLETED",)
        slicer.settings.address = f"{store.url}/minio/x.gcode?X-Amz-Signature=s3cr3t"
        host = store.url.partition("://")[2]
        providers = dataclasses.replace(service_box.config.providers, allowed_hosts=(host,))
        service_box.config = dataclasses.replace(service_box.config, providers=providers)
        assert steps(20).status == "SLICE_COMPLETE"
    assert store.calls == ["fetch"]


@pytest.mark.parametrize(
    "content", [b"", b"<html><body>not there</body></html>", b"\x89PNG\r\n\0\0", b'{"error": 1}', b"words\n" * 99]
)
def test_what_is_no_gcode_is_not_kept(service_box, slicer, row, steps, content):
    slicer.settings.stages, slicer.settings.gcode = ("COMPLETED",), content
    done = steps(20)
    assert (done.status, done.error_message) == ("FAILED", names.NO_GCODE)
    assert not StoredObject.select().where(StoredObject.key.endswith(".gcode")).exists()


def test_a_result_that_is_too_large_is_not_kept(service_box, slicer, row, steps):
    limits = dataclasses.replace(service_box.config.limits, max_model_mb=1)
    service_box.config = dataclasses.replace(service_box.config, limits=limits)
    slicer.settings.stages = ("COMPLETED",)
    slicer.fault("fetch", "endless")
    done = steps(20)
    assert (done.status, done.error_code) == ("FAILED", "too_large")


def test_a_result_that_was_cut_short_is_fetched_again(slicer, row, steps):
    slicer.settings.stages = ("COMPLETED",)
    slicer.fault("fetch", "cut-short", times=2)
    assert steps(20).status == "SLICE_COMPLETE"
    assert slicer.calls.count("fetch") == 3


@pytest.mark.parametrize(
    "metadata", [None, [], "x", {"print_time": "soon", "layer_height": -1, "filament_used": True}, {"print_time": 1e99}]
)
def test_figures_that_cannot_be_are_read_off_the_file_or_left_out(slicer, row, steps, metadata):
    slicer.settings.stages, slicer.settings.metadata = ("COMPLETED",), metadata
    assert steps(20).gcode_facts == {"layer_height": 0.25, "print_time_seconds": None, "filament_grams": None}


@pytest.mark.parametrize("remote_id", [None, "", 5, "x" * 101, "a\nb", {"id": 1}])
def test_an_order_whose_answer_names_no_task(slicer, row, steps, remote_id):
    slicer.fault("create", "answer", status=200, body={"slice_task_id": remote_id}, effect=True)
    waiting = steps(1)
    assert (waiting.status, waiting.remote_id, waiting.error_message) == ("SLICING", None, names.LOST)


def test_an_id_never_becomes_another_path(slicer, row, steps):
    body = {"slice_task_id": "../../admin?x=1#y", "status": "PENDING"}
    slicer.fault("create", "answer", status=201, body=body)
    steps(1)
    done = steps(1)
    assert (done.status, done.error_message) == (
        "FAILED",
        names.FORGOTTEN,
    )  # asked for under /api/v1/tasks/ all the same


def test_no_signed_address_reaches_the_row_or_the_log(service_box, slicer, row, steps, caplog):
    slicer.settings.fetches_models = True  # nobody serves it: the service answers 400 and repeats the address
    with caplog.at_level(logging.DEBUG):
        done = steps(1)
    assert (done.status, done.error_message) == ("FAILED", names.NOT_ACCEPTED)
    signature = slicer.tasks[0].order["object_url"].split("/files/s/")[1].split("/")[0]
    assert "cannot fetch" in done.error_text and signature not in done.error_text
    assert signature not in caplog.text and "s3cr3t" not in caplog.text
    assert signature not in json.dumps(Slicing.select().dicts().get())
