"""Webhooks in a real browser: with the keyboard alone, and without script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.driving import Watched, set_password, sign_in
from playwright.sync_api import Browser, Page, expect
from process.server import Server
from process.test_webhooks import told_to
from providers.raw_server import RawServer, serving

pytestmark = [pytest.mark.browser, pytest.mark.process]


@pytest.fixture(scope="module")
def receiver() -> Iterator[RawServer]:
    with serving(lambda visit: visit.answer(b"<b>thanks</b>")) as started:
        yield started


@pytest.fixture(scope="module")
def server(receiver: RawServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("webhooks")
    with told_to(receiver, folder) as started:
        set_password(started)
        yield started.start()


def tab_to(page: Page, selector: str) -> None:
    """Reach it as the keyboard does."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("script", [True, False])
def test_with_the_keyboard_alone(
    browser: Browser, server: Server, receiver: RawServer, script: bool, width: int
) -> None:
    context = browser.new_context(java_script_enabled=script, locale="en-GB", viewport={"width": width, "height": 900})
    watched = Watched(context, server)
    page, before = watched.page, len(receiver.requests)
    sign_in(page, server)
    page.goto(f"{server.url}/account")
    tab_to(page, "a[href='/account/webhooks']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/account/webhooks")
    tab_to(page, "#url")
    page.keyboard.type(receiver.url("/lumi"))
    tab_to(page, "input[value='task.failed']")
    page.keyboard.press("Space")
    tab_to(page, "#save")
    page.keyboard.press("Enter")
    expect(page.locator("#secret")).to_contain_text("whsec_")
    expect(page.locator("input[name=events]:checked")).to_have_count(4)
    tab_to(page, "#test")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The test is on its way.")).to_be_visible()
    for _ in range(40):
        page.reload()
        if page.get_by_text("Delivered", exact=True).count():
            break
    expect(page.get_by_text("Delivered", exact=True)).to_be_visible()
    assert len(receiver.requests) == before + 1
    tab_to(page, "#remove")
    page.keyboard.press("Enter")
    page.locator("details.ask[open] button").press("Enter")
    page.wait_for_url("**/account/webhooks")
    expect(page.get_by_text("The webhook and its log were removed.")).to_be_visible()
    assert page.locator("body").evaluate("body => body.scrollWidth") <= width
    assert watched.complaints == []
    assert watched.strangers == []
    context.close()
