"""`/api/docs` in a real browser, under the policy that every page has."""

from __future__ import annotations

import pytest
from browser.driving import Watched
from playwright.sync_api import Browser, expect
from process.server import Server

pytestmark = pytest.mark.browser


def test_the_reader_works_under_the_policy_and_asks_no_other_host(browser: Browser, tmp_path):
    with Server(tmp_path) as server:
        server.start("web")
        context = browser.new_context()
        watched = Watched(context, server)
        watched.page.goto(f"{server.url}/api/docs")
        operation = watched.page.locator("#operations-gallery-get_gallery_models")
        operation.locator("button").first.click()
        operation.get_by_text("Try it out").click()
        operation.get_by_text("Execute").click()
        expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
        assert watched.complaints == []
        assert watched.strangers == []
        context.close()
