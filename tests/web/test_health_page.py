"""The operator's page of the services' health."""

import pytest
from conftest import bearer
from doctor.conftest import beat

from lumi_box.errors import Refused
from lumi_box.health import rounds
from lumi_box.health.rounds import HealthRounds
from lumi_box.tables.health import HealthChange


@pytest.fixture
def page(client, admin):
    def read(language="en"):
        headers = bearer(admin) | {"Accept-Language": language}
        return client.get("/admin/health", headers=headers).get_data(as_text=True)

    return read


def test_it_shows_what_works_what_was_noted_and_when_it_changed(page, box, monkeypatch):
    beat()
    HealthRounds(box).run()
    HealthChange.create(service="storage", healthy=False, text="It was full.")
    text = page()
    assert "Everything works." in text
    assert "No backup has been made yet." in text
    assert "It was full." in text
    assert text.count("is-good") == 13 and text.count("is-bad") == 1
    assert "Room on the disk" in text and "indispensable" in text


def test_it_names_what_does_not_work_and_the_cure(page, images, monkeypatch):
    beat()

    def refused():
        raise Refused("The key was not accepted.", vendor_text="InvalidApiKey")

    monkeypatch.setattr(images, "check", refused)
    text = page()
    assert "1 service does not work" in text
    assert "The key was not accepted. InvalidApiKey" in text
    assert "Everything works." not in text


def test_it_tells_since_when_by_the_rounds(page, box, monkeypatch):
    monkeypatch.setattr(rounds, "GAP_MS", -1)
    beat()
    assert page().count("<time") == 0
    HealthRounds(box).run()
    assert page().count("<time") >= 13


def test_it_speaks_chinese(page):
    beat()
    text = page("zh")
    for words in ("健康状况", "数据库", "一切正常。", "磁盘空间", "定期检查发现的变化。"):
        assert words in text
