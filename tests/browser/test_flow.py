"""The whole flow in a real browser, against `lumi-box serve` as a process: type, watch, pick, turn, download."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.driving import Watched, download, paint, pick, set_password, sign_in
from emulators.emulator import Emulator
from PIL import Image
from playwright.sync_api import Browser, expect
from process.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.process]

PROMPTS = {"en": "a cute cat sitting", "zh": "一只可爱的小猫"}
LABELS = {"en": "not AI", "zh": "非 AI"}
COLOURS = 8  # a blank canvas has one or two


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("browser")) as started:
        set_password(started)
        yield started.start()


def visit(browser: Browser, server: Server, language: str) -> Iterator[Watched]:
    locale = "zh-CN" if language == "zh" else "en-GB"
    context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 900}, accept_downloads=True)
    yield Watched(context, server)
    context.close()


@pytest.fixture(params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def watched(browser: Browser, server: Server, language: str) -> Iterator[Watched]:
    yield from visit(browser, server, language)


def test_from_a_sentence_to_a_file_that_prints(watched: Watched, server: Server, language: str, tmp_path: Path) -> None:
    page = watched.page
    sign_in(page, server)
    expect(page.get_by_text(LABELS[language]).first).to_be_visible()
    pictures = paint(page, server, PROMPTS[language])
    assert len(set(pictures)) == 4
    assert {Image.open(io.BytesIO(picture)).size for picture in pictures} == {(1024, 1024)}
    assert pick(page, 0) > COLOURS
    solid = download(page, "stl", tmp_path)
    assert solid.is_watertight
    assert solid.extents[2] == pytest.approx(60, abs=0.5)
    assert watched.complaints == []
    assert watched.strangers == []


@pytest.mark.parametrize("image", ["aliyun", "siliconflow"])
def test_the_same_flow_with_cloud_providers(image: str, browser: Browser, tmp_path: Path) -> None:
    with Emulator(limited=False) as emulator:
        prompt = "qwen" if image == "aliyun" else "siliconflow"
        with Server(tmp_path / "home", providers=emulator.provider_config(image=image, prompt=prompt)) as server:
            set_password(server)
            server.start()
            for watched in visit(browser, server, "zh"):
                page = watched.page
                sign_in(page, server)
                expect(page.get_by_text(LABELS["zh"])).to_have_count(0)
                assert len(set(paint(page, server, PROMPTS["zh"]))) == 4
                assert pick(page, 2) > COLOURS
                assert download(page, "3mf", tmp_path).extents[2] == pytest.approx(60, abs=0.5)
                assert watched.complaints == []
                assert watched.strangers == []
