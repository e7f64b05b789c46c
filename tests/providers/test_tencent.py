"""Models by Tencent Cloud ai3d, spoken to over HTTP with signed requests."""

from __future__ import annotations

import base64
import io
import json
import random
import subprocess
import sys

import pytest
from cloud import agrees, failure_of, finished, listening, load, logged, with_limits, with_settings  # noqa: F401
from emulators.emulator import TENCENT_ID, TENCENT_KEY, Emulator
from emulators.error_row import REFUSED
from emulators.error_rows_tencent import TENCENT
from PIL import Image

from lumi_box.errors import AnswerLost, Busy, Refused, Unavailable
from lumi_box.providers import registry
from lumi_box.providers.base import ModelOrder, Pending, Picture, Ticket
from lumi_box.providers.models3d import upload
from lumi_box.providers.models3d.delivery import _beside

SUBMITTED = [row for row in TENCENT if row.operation == "submit" and not row.of_job]
POLLED = [row for row in TENCENT if "poll" in (row.operation, *row.also)]
OF_JOBS = [row for row in TENCENT if row.of_job]


def encoded(size=(256, 192), kind="PNG", mode="RGB", colour=(200, 90, 40)):
    target = io.BytesIO()
    Image.new(mode, size, colour).save(target, kind)
    return target.getvalue()


ORDER = ModelOrder(Picture(encoded(), "image/png"), "a clay fox with a striped scarf")


@pytest.fixture(scope="module")
def server():
    with Emulator(limited=False) as emulator:
        emulator.settings("tencent", queued=0.0, duration=0.02)
        yield emulator


@pytest.fixture
def emulator(server):
    before = server.settings("tencent")
    yield server
    server.settings("tencent", **before)
    server.clear()


@pytest.fixture
def config(tmp_path, emulator):
    return load(tmp_path, emulator)


@pytest.fixture
def models(config):
    return registry.model_provider(config)


@pytest.fixture
def bodies(emulator, monkeypatch):
    found = []
    identify = emulator.tencent.identify
    monkeypatch.setattr(
        emulator.tencent, "identify", lambda request: found.append(request.object()) or identify(request)
    )
    return found


def bring(models, workdir, order=ORDER):
    return models.fetch(finished(models, models.submit(order)), order, workdir)


def colours(mesh):
    return {colour for _, colour in mesh.texture.getcolors(1 << 24)} if mesh.texture else set()


@pytest.mark.parametrize("edition", ["rapid", "pro"])
@pytest.mark.parametrize("kind", ["OBJ", "GLB"])
def test_a_model_is_ordered_asked_for_and_brought_home(config, emulator, tmp_path, edition, kind):
    models = registry.model_provider(with_settings(config, "tencent", edition=edition, result_format=kind))
    mesh = bring(models, tmp_path)
    assert len(mesh.faces) > 100
    assert mesh.texture is not None
    record = emulator.record()
    assert (record.paid(), record.leaks(), len(record.fetches())) == (1, [], 1)


def test_the_configured_kind_is_chosen_whatever_the_order_of_the_files(config, emulator, tmp_path):
    for kind in ("OBJ", "GLB"):
        models = registry.model_provider(with_settings(config, "tencent", edition="pro", result_format=kind))
        for number in range(4):  # the emulator shuffles
            reference = finished(models, models.submit(ORDER)).reference
            chosen = models._chosen(json.loads(reference))
            assert chosen.partition("?")[0].endswith(".glb") == (kind == "GLB"), number


def test_what_is_ordered_of_each_edition(config, bodies):
    for edition in ("rapid", "pro"):
        registry.model_provider(with_settings(config, "tencent", edition=edition, result_format="GLB")).submit(ORDER)
    rapid, pro = bodies
    assert (rapid["ResultFormat"], rapid["EnablePBR"]) == ("GLB", False)
    assert set(pro) == {"ImageBase64", "EnablePBR"}
    assert base64.b64decode(rapid["ImageBase64"]) == ORDER.picture.data


def test_a_bare_obj_brings_its_material_and_texture(models, emulator, tmp_path):
    emulator.fault("tencent", "submit", "delivers", file="bare-obj")
    mesh = bring(models, tmp_path)
    assert mesh.texture is not None
    assert (200, 90, 40) in colours(mesh)  # of the picture
    assert len(emulator.record().fetches()) == 3


def test_a_bare_obj_whose_neighbours_are_gone_is_grey(models, emulator, tmp_path, listening):  # noqa: F811
    emulator.fault("tencent", "submit", "delivers", file="bare-obj")
    emulator.fault("tencent", "fetch", "answer", status=404, path="material.mtl")
    mesh = bring(models, tmp_path)
    assert len(mesh.faces) > 100
    assert (200, 90, 40) not in colours(mesh)
    assert "beside the model" in logged(listening)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("material.mtl", "https://a.b/x/y%2Fz/material.mtl?q=1/2&s=%3D"),
        ("my skin.png", "https://a.b/x/y%2Fz/my%20skin.png?q=1/2&s=%3D"),
        ("a?b#c.png", "https://a.b/x/y%2Fz/a%3Fb%23c.png?q=1/2&s=%3D"),
    ],
)
def test_a_neighbour_is_beside_the_model_under_the_same_signature(name, address):
    assert _beside("https://a.b/x/y%2Fz/model.obj?q=1/2&s=%3D", name) == address


@pytest.mark.parametrize("row", SUBMITTED, ids=str)
def test_errors_of_a_submit(models, emulator, row):
    emulator.fault("tencent", "submit", row.name)
    error = failure_of(lambda: models.submit(ORDER))
    agrees(error, row)
    assert error.request_id == row.body["Response"]["RequestId"]


@pytest.mark.parametrize("row", POLLED, ids=str)
def test_errors_of_a_poll(models, emulator, row):
    ticket = models.submit(ORDER)
    emulator.fault("tencent", "poll", row.name)
    error = failure_of(lambda: models.poll(ticket))
    if row.told == "again" and row.verdict == REFUSED:  # the job is gone, so that another attempt orders anew
        assert (type(error), error.ticket_dead) == (Unavailable, True)
        return
    agrees(error, row)
    assert not error.ticket_dead


@pytest.mark.parametrize("row", OF_JOBS, ids=str)
def test_a_failed_job_has_to_be_ordered_anew(models, emulator, row):
    emulator.fault("tencent", "submit", row.name)
    error = failure_of(lambda: finished(models, models.submit(ORDER)))
    agrees(error, row)
    assert error.ticket_dead


@pytest.mark.parametrize("code", ["", "Some.NewCode"])
def test_a_job_that_failed_for_an_unknown_reason_is_not_bought_again_unasked(models, emulator, code):
    emulator.fault("tencent", "submit", "task-failed", code=code)
    error = failure_of(lambda: finished(models, models.submit(ORDER)))
    assert (type(error), error.code, error.ticket_dead) == (Refused, code or "FAIL", True)


@pytest.mark.parametrize("code", ["ResourceNotFound", "FailedOperation.JobNotFound"])
def test_a_job_that_the_vendor_has_forgotten_is_dead(models, emulator, code):
    emulator.settings("tencent", unknown_job_code=code)
    error = failure_of(lambda: models.poll(Ticket("1357237233311637504")))
    assert (type(error), error.code, error.ticket_dead) == (Unavailable, code, True)


@pytest.mark.parametrize("status", ["WAIT", "RUN", "PONDERING"])
def test_a_job_is_waited_for_also_in_a_state_that_is_new_to_us(models, emulator, status):
    emulator.fault("tencent", "poll", "answer", status=200, body={"Response": {"Status": status, "RequestId": "r"}})
    assert models.poll(Ticket("1")) == Pending(None)


def test_a_second_job_at_once_is_postponed_and_not_bought(models, emulator):
    emulator.settings("tencent", rapid_jobs=1, duration=30.0)
    models.submit(ORDER)
    error = failure_of(lambda: models.submit(ORDER))
    assert isinstance(error, Busy)
    assert error.code == "RequestLimitExceeded.JobNumExceed"
    assert len(emulator.record().accepted()) == 1


@pytest.mark.parametrize(
    "name", ["reset-after", "cut-short", "truncated-json", "empty-body", "not-json", "gateway-502", "gateway-504"]
)
def test_a_submit_whose_answer_is_lost_is_doubtful(models, emulator, name):
    emulator.fault("tencent", "submit", name)
    assert isinstance(failure_of(lambda: models.submit(ORDER)), AnswerLost)


@pytest.mark.parametrize(
    "body", [{"Response": {"RequestId": "r"}}, {"Response": {"JobId": ""}}, {"Response": {"JobId": []}}]
)
def test_a_good_answer_without_a_job_is_doubtful(models, emulator, body):
    emulator.fault("tencent", "submit", "answer", status=200, body=body)
    assert isinstance(failure_of(lambda: models.submit(ORDER)), AnswerLost)


def test_what_a_gateway_refuses_was_not_accepted(models, emulator):
    emulator.fault("tencent", "submit", "text", status=413, body="too large")
    error = failure_of(lambda: models.submit(ORDER))
    assert (type(error), str(error)) == (
        Refused,
        "The picture is too large for the 3D service. Please pick another one.",
    )
    emulator.fault("tencent", "submit", "text", status=429, body="slow down")
    assert isinstance(failure_of(lambda: models.submit(ORDER)), Busy)


@pytest.mark.parametrize("name", ["not-json", "gateway-502", "gateway-504", "empty-body"])
def test_a_poll_without_an_answer_may_pass(models, emulator, name):
    ticket = models.submit(ORDER)
    emulator.fault("tencent", "poll", name)
    error = failure_of(lambda: models.poll(ticket))
    assert (type(error), error.ticket_dead) == (Unavailable, False)
    finished(models, ticket)


def test_an_expired_address_is_asked_for_again(models, emulator, tmp_path):
    emulator.settings("tencent", url_lifetime=-1.0)
    ticket = models.submit(ORDER)
    ready = finished(models, ticket)
    error = failure_of(lambda: models.fetch(ready, ORDER, tmp_path))
    assert (type(error), error.code, error.ticket_dead) == (Unavailable, "result_expired", False)
    emulator.settings("tencent", url_lifetime=3600.0)
    again = tmp_path / "again"
    again.mkdir()
    assert models.fetch(finished(models, ticket), ORDER, again)


@pytest.mark.parametrize("files", [[], [{"Type": "MP4", "Url": "http://x/"}], [{"Type": "OBJ"}, None, "x"], None])
def test_a_finished_job_without_a_usable_file_is_asked_for_again(models, emulator, tmp_path, files):
    body = {"Response": {"Status": "DONE", "ResultFile3Ds": files}}
    emulator.fault("tencent", "poll", "answer", status=200, body=body)
    ready = models.poll(Ticket("1"))
    error = failure_of(lambda: models.fetch(ready, ORDER, tmp_path))
    assert (type(error), error.code) == (Unavailable, "no_result")


def test_a_model_over_the_limit_is_refused(config, emulator, tmp_path):
    models = registry.model_provider(with_limits(config, max_model_mb=1))
    emulator.fault("tencent", "fetch", "endless")
    error = failure_of(lambda: bring(models, tmp_path))
    assert (type(error), error.code) == (Refused, "too_large")


@pytest.mark.parametrize("kind", ["zip-traversal", "zip-without-obj", "zip-broken", "not-a-picture", "empty"])
def test_what_is_no_model_is_refused(models, emulator, tmp_path, kind):
    emulator.fault("tencent", "fetch", "file", kind=kind)
    error = failure_of(lambda: bring(models, tmp_path))
    assert (type(error), error.code) == (Refused, "bad_model")


def test_the_check_tells_key_clock_and_network_apart(config, emulator):
    check = registry.model_provider(config).check
    assert "accepts the key" in check()
    emulator.settings("tencent", unknown_job_code="FailedOperation.JobNotFound")
    assert "accepts the key" in check()
    for wrong in ({"secret_key": "another"}, {"secret_id": "AKIDanother0123456789"}):
        error = failure_of(registry.model_provider(with_settings(config, "tencent", **wrong)).check)
        assert error.code.startswith("AuthFailure.")
        assert error.alert
    gone = registry.model_provider(with_settings(config, "tencent", endpoint="http://127.0.0.1:1"))
    assert failure_of(gone.check).code == "connect"
    assert emulator.record().paid() == 0


@pytest.mark.parametrize(("seconds", "word"), [(1000, "ahead of"), (-1000, "behind")])
def test_a_clock_that_is_off_is_told_with_by_how_much(config, emulator, monkeypatch, seconds, word):
    from lumi_box.clock import now_ms

    monkeypatch.setattr("lumi_box.providers.models3d.tencent_api.now_ms", lambda: now_ms() + seconds * 1000)
    error = failure_of(registry.model_provider(config).check)
    assert (type(error), error.code, error.alert) == (Refused, "AuthFailure.SignatureExpire", True)
    assert "clock of this server" in str(error)
    assert f"{word} the vendor's" in error.vendor_text


def test_a_clock_that_drifts_is_told_before_it_is_too_late(config, emulator, monkeypatch):
    from lumi_box.clock import now_ms

    monkeypatch.setattr("lumi_box.providers.models3d.tencent_api.now_ms", lambda: now_ms() + 120_000)
    assert "ahead of the vendor's" in registry.model_provider(config).check()


def test_nothing_private_is_logged_or_told(models, emulator, tmp_path, listening):  # noqa: F811
    error = {"Code": "InternalError", "Message": f"for {TENCENT_ID} {TENCENT_KEY} at https://a.b/c?q-sign=1"}
    emulator.fault("tencent", "submit", "answer", status=200, body={"Response": {"Error": error}})
    failure = failure_of(lambda: models.submit(ORDER))
    bring(models, tmp_path)
    for text in (logged(listening), failure.vendor_text):
        assert TENCENT_ID not in text
        assert TENCENT_KEY not in text
        assert "q-sign" not in text


def noise(size):
    return Image.frombytes("RGB", size, random.Random(0).randbytes(size[0] * size[1] * 3))


def png(picture):
    target = io.BytesIO()
    picture.save(target, "PNG", compress_level=1)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_within_the_limits_goes_out_as_it_is(kind):
    data = encoded((128, 400), kind)
    assert upload.fitted(data) == data


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((64, 64), (128, 128)), ((64, 100), (128, 200)), ((6000, 3000), (5000, 2500)), ((6000, 64), (5000, 128))],
)
def test_a_picture_of_other_sides_is_made_to_fit(size, fitted):
    with Image.open(io.BytesIO(upload.fitted(encoded(size)))) as picture:
        assert picture.size == fitted


def test_a_heavy_picture_becomes_a_jpeg_that_is_light_enough():
    data = png(noise((1700, 1700)))
    assert len(data) > upload.MAX_BYTES
    light = upload.fitted(data)
    assert len(light) <= upload.MAX_BYTES
    with Image.open(io.BytesIO(light)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (1700, 1700))


def test_what_was_transparent_becomes_white():
    data = encoded((64, 64), mode="RGBA", colour=(10, 20, 30, 0))
    with Image.open(io.BytesIO(upload.fitted(data))) as picture:
        assert picture.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_what_is_no_picture_is_refused_before_it_is_sent(models, emulator):
    error = failure_of(lambda: models.submit(ModelOrder(Picture(b"no picture", "image/png"), "")))
    assert (type(error), error.code) == (Refused, "bad_picture")
    assert emulator.record().entries == []


def test_the_adapters_load_no_numpy_and_no_pillow():
    modules = [*registry.IMAGES.values(), *registry.MODELS3D.values(), *registry.PROMPTS.values()]
    code = f"import sys, {', '.join(modules)}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"numpy", "PIL", "trimesh", "scipy"} & set(done.stdout.split())
