"""The print report and the links into slicers."""

import dataclasses
from urllib.parse import unquote

import pytest
from conftest import bearer

from lumi_box.flow.examine_prints import examine_prints
from lumi_box.tables.generation import GeneratedModel
from lumi_box.web.print_report import report

GOOD = {"open_edges": 0, "crowded_edges": 0, "parts": 1, "inside_out": False, "unstable": False, "repaired": []}


def judged(bed=(220, 220, 250), height=60.0, size=(30.0, 20.0, 60.0), faces=1000, **facts):
    found = report(
        GOOD | facts, faces=faces, vertices=500, size_mm=list(size), volume_cm3=8.0, height_mm=height, bed_mm=bed
    )
    return found, [finding["code"] for finding in found["findings"]]


def test_a_good_model_is_healthy():
    found, codes = judged()
    assert (found["verdict"], codes, found["fitsBed"]) == ("healthy", [], True)
    assert (found["watertight"], found["manifold"]) == (True, True)


@pytest.mark.parametrize(
    ("facts", "codes", "verdict"),
    [
        ({"open_edges": 3}, ["OPEN_EDGES"], "warning"),
        ({"open_edges": 400}, ["MANY_OPEN_EDGES"], "error"),
        ({"crowded_edges": 1}, ["NON_MANIFOLD_EDGES"], "warning"),
        ({"inside_out": True}, ["INSIDE_OUT"], "error"),
        ({"unstable": True}, ["UNSTABLE"], "warning"),
        ({"parts": 4}, ["SEVERAL_PARTS"], "healthy"),
        ({"faces": 1_500_000}, ["MANY_FACES"], "healthy"),
        ({"size": (0.9, 20.0, 60.0)}, ["TOO_THIN"], "warning"),
        ({"inside_out": True, "parts": 2, "open_edges": 1}, ["INSIDE_OUT", "OPEN_EDGES", "SEVERAL_PARTS"], "error"),
    ],
)
def test_each_finding_and_the_worst_of_them(facts, codes, verdict):
    found, given = judged(**facts)
    assert (given, found["verdict"]) == (codes, verdict)
    assert all(finding["message"] for finding in found["findings"])


@pytest.mark.parametrize(
    ("height", "bed", "fits"),
    [
        (60.0, (220, 220, 250), True),
        (250.0, (220, 220, 250), True),
        (251.0, (220, 220, 250), False),
        (120.0, (59, 200, 250), True),  # turned by a quarter
        (120.0, (39, 200, 250), False),
    ],
)
def test_size_and_volume_grow_with_the_height_and_the_bed_is_the_printers(height, bed, fits):
    found, codes = judged(height=height, bed=bed)
    assert found["sizeMm"] == pytest.approx([30.0 * height / 60, 20.0 * height / 60, height], abs=0.001)
    assert found["volumeCm3"] == pytest.approx(8.0 * (height / 60) ** 3)
    assert found["fitsBed"] is fits
    assert ("TOO_LARGE" in codes) is not fits


def test_the_owner_reads_it_and_others_once_it_is_public(client, finished, alice, bob):
    model = GeneratedModel.get()
    path = f"/api/v1/models/{model.id}/print-report?heightMm=120"
    found = client.get(path, headers=bearer(alice)).json["data"]
    assert found["verdict"] in ("healthy", "warning")
    assert found["sizeMm"][2] == 120.0 and found["watertight"] is True
    assert found["faces"] == model.face_count
    assert client.get(path, headers=bearer(bob)).status_code == client.get(path).status_code == 404
    client.patch(f"/api/v1/models/{model.id}/visibility", json={"visibility": "PUBLIC"}, headers=bearer(alice))
    assert client.get(path).json["data"] == found
    assert client.get(path.replace("120", "4")).status_code == 400


def test_a_printer_with_another_bed_changes_the_answer(client, box, finished, alice):
    path = f"/api/v1/models/{GeneratedModel.get().id}/print-report"
    assert client.get(path, headers=bearer(alice)).json["data"]["fitsBed"] is True
    box.config = dataclasses.replace(box.config, printer=dataclasses.replace(box.config.printer, bed_mm=(20, 20, 20)))
    assert client.get(path, headers=bearer(alice)).json["data"]["fitsBed"] is False


def test_the_links_lead_to_the_3mf_without_any_cookie(client, finished, alice, bob):
    model = GeneratedModel.get()
    path = f"/api/v1/models/{model.id}/open-links"
    found = client.get(path, headers=bearer(alice)).json["data"]
    assert set(found) == {"orca", "bambu", "cura", "url"}
    assert found["url"].endswith(".3mf") and "?" not in found["url"] and "/s/" in found["url"]
    for name, scheme in (("orca", "orcaslicer://"), ("bambu", "bambustudio://"), ("cura", "cura://")):
        assert found[name].startswith(scheme)
        assert unquote(found[name]).endswith(found["url"])
    answer = client.get(found["url"])
    assert (answer.status_code, answer.mimetype, answer.data[:2]) == (200, "model/3mf", b"PK")
    assert client.get(path, headers=bearer(bob)).status_code == 404
    assert client.get(path).status_code == 401


def test_an_unfinished_model_has_neither(client, box, finished, alice):
    model = GeneratedModel.get()
    GeneratedModel.update(print_facts=None, threemf_key=None).execute()
    for name in ("print-report", "open-links"):
        answer = client.get(f"/api/v1/models/{model.id}/{name}", headers=bearer(alice))
        assert (answer.status_code, answer.json["data"]["code"]) == (409, "INVALID_STATE")


def test_models_from_before_there_were_reports_are_examined_later(client, box, finished, alice):
    expected = GeneratedModel.get().print_facts
    GeneratedModel.update(print_facts=None).execute()
    examine_prints(box)
    assert GeneratedModel.get().print_facts == expected


def test_the_page_tells_it_and_offers_the_slicers(client, finished, alice):
    model = GeneratedModel.get()
    page = client.get(f"/models/{model.id}", headers=bearer(alice)).get_data(as_text=True)
    assert "Print check" in page and "orcaslicer://open?file=" in page
    client.patch(f"/api/v1/models/{model.id}/visibility", json={"visibility": "PUBLIC"}, headers=bearer(alice))
    page = client.get(f"/models/{model.id}").get_data(as_text=True)
    assert "Print check" in page and "orcaslicer://" not in page
