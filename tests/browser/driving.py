"""What a maker does in the browser, and what is listened to meanwhile."""

from __future__ import annotations

import io
from pathlib import Path

import trimesh
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect
from process.server import EMAIL, Server, command

PASSWORD = "browsing about 7"
PATIENCE_MS = 60_000


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


def set_password(server: Server) -> None:
    done = command("user", "set-password", EMAIL, "--password-stdin", cwd=server.folder, stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr


def sign_in(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/login")
    page.fill("input[name=email]", EMAIL)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{server.url}/")


def paint(page: Page, server: Server, prompt: str) -> list[bytes]:
    """Type the prompt, watch the four pictures come; answers their bytes."""
    page.fill("textarea[name=prompt]", prompt)
    page.locator("form[data-prompt-form] button.primary").click()
    page.wait_for_url("**/creations/*")
    pictures = page.locator("figure.picture img")
    expect(pictures).to_have_count(4, timeout=PATIENCE_MS)
    addresses = [str(pictures.nth(number).get_attribute("src")) for number in range(4)]
    return [page.request.get(server.url + address).body() for address in addresses]


def pick(page: Page, position: int) -> int:
    """Pick a picture, wait for its model in the viewer; answers how many clearly different colours its canvas shows."""
    page.locator(f"#pick-{position}").click()
    viewer = page.locator("model-viewer")
    expect(viewer).to_be_visible(timeout=PATIENCE_MS)
    expect(viewer).to_have_js_property("loaded", True, timeout=PATIENCE_MS)
    small = Image.open(io.BytesIO(viewer.screenshot())).convert("RGB").resize((64, 64))
    return len({tuple(channel // 32 for channel in pixel) for pixel in small.get_flattened_data()})


def download(page: Page, kind: str, folder: Path) -> trimesh.Trimesh:
    with page.expect_download(timeout=30_000) as waiting:
        page.locator(f"button[name=format][value='{kind}']").click()
    target = folder / f"model.{kind}"
    waiting.value.save_as(target)
    return trimesh.load(target, force="mesh")
