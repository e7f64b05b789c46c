"""The whole flow in a real browser, against `lumi-box serve` as a process: type, watch, pick, turn, download."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trimesh
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from process.server import EMAIL, Server, command

pytestmark = [pytest.mark.browser, pytest.mark.process]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PASSWORD = "browsing about 7"
FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage", "--disable-background-networking"]
WORDS = {
    "en": {"prompt": "a cute cat sitting", "label": "not AI"},
    "zh": {"prompt": "一只可爱的小猫", "label": "非 AI"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("browser")) as started:
        done = command("user", "set-password", EMAIL, "--password-stdin", cwd=started.folder, stdin=f"{PASSWORD}\n")
        assert done.returncode == 0, done.stderr
        yield started.start()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed: apt-get install chromium")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A page, and what it complained of, and whom it asked for anything."""

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._see(request.url, server.url))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _see(self, url: str, home: str) -> None:
        if not url.startswith((home, "data:", "blob:")):
            self.strangers.append(url)


@pytest.fixture(params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def watched(browser: Browser, server: Server, language: str) -> Iterator[Watched]:
    locale = "zh-CN" if language == "zh" else "en-GB"
    context = browser.new_context(locale=locale, viewport={"width": 1280, "height": 900}, accept_downloads=True)
    yield Watched(context, server)
    context.close()


def sign_in(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/login")
    page.fill("input[name=email]", EMAIL)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{server.url}/")


def colours(picture: bytes) -> int:
    """How many clearly different colours a screenshot shows: a blank canvas has one or two."""
    small = Image.open(io.BytesIO(picture)).convert("RGB").resize((64, 64))
    return len({tuple(channel // 32 for channel in pixel) for pixel in small.get_flattened_data()})


def test_from_a_sentence_to_a_file_that_prints(watched: Watched, server: Server, language: str, tmp_path: Path) -> None:
    page, words = watched.page, WORDS[language]
    sign_in(page, server)
    expect(page.get_by_text(words["label"]).first).to_be_visible()
    page.fill("textarea[name=prompt]", words["prompt"])
    page.locator("form[data-prompt-form] button.primary").click()
    page.wait_for_url("**/creations/*")
    pictures = page.locator("figure.picture img")
    expect(pictures).to_have_count(4, timeout=60_000)
    addresses = {pictures.nth(number).get_attribute("src") for number in range(4)}
    assert len(addresses) == 4
    bodies = {page.request.get(server.url + str(address)).body() for address in addresses}
    assert len(bodies) == 4
    assert all(Image.open(io.BytesIO(body)).size == (1024, 1024) for body in bodies)
    page.locator("#pick-0").click()
    viewer = page.locator("model-viewer")
    expect(viewer).to_be_visible(timeout=60_000)
    expect(viewer).to_have_js_property("loaded", True, timeout=60_000)
    assert colours(viewer.screenshot()) > 8
    stl = download(page, "stl", tmp_path)
    solid = trimesh.load(stl)
    assert solid.is_watertight
    assert solid.extents[2] == pytest.approx(60, abs=0.5)
    assert watched.complaints == []
    assert watched.strangers == []


def download(page: Page, kind: str, folder: Path) -> Path:
    with page.expect_download(timeout=30_000) as waiting:
        page.locator(f"button[name=format][value='{kind}']").click()
    target = folder / f"model.{kind}"
    waiting.value.save_as(target)
    return target
