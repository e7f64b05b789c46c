"""G-code in a real browser: with script, where the page follows the slicer by itself, and without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.driving import Watched, set_password, sign_in
from playwright.sync_api import Browser, expect
from process.server import Server
from process.test_slicing import finished, with_slicer

pytestmark = [pytest.mark.browser, pytest.mark.process]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The slicer waits until it is there."""
    return tmp_path_factory.mktemp("gate") / "open"


@pytest.fixture(scope="module")
def server(gate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    script = gate.with_name("slicer")
    waiting = f"while [ ! -e {gate} ]; do sleep 0.1; done\n"
    writing = 'while [ "$1" != --output ]; do shift; done\nprintf "G28\\n; layer_height = 0.2\\n" > "$2"\n'
    script.write_text(f'#!/bin/sh\necho "40 => at it"\n{waiting}{writing}', encoding="utf-8")
    script.chmod(0o755)
    folder = tmp_path_factory.mktemp("slicing")
    with with_slicer(folder, 'kind = "command"', f'command = "{script}"') as started:
        set_password(started)
        yield started.start()


@pytest.fixture(scope="module")
def model_id(server: Server) -> str:
    return str(server.task(finished(server))["model"]["id"])


@pytest.mark.parametrize("script", [True, False])
def test_from_the_button_to_the_file(browser: Browser, server: Server, model_id: str, gate: Path, script: bool) -> None:
    gate.unlink(missing_ok=True)
    context = browser.new_context(java_script_enabled=script, locale="en-GB", viewport={"width": 390, "height": 900})
    watched = Watched(context, server)
    page = watched.page
    sign_in(page, server)
    page.goto(f"{server.url}/models/{model_id}")
    page.fill("#slice-height", "45")
    page.locator("#slicing button").click()
    expect(page.locator("#slicing progress")).to_have_attribute("value", "40", timeout=20_000)
    expect(page.locator("#slicing button")).to_have_count(0)
    if script:
        page.evaluate("window.stayed = true")
    gate.touch()
    link = page.locator("#slicing a[download]")
    expect(link).to_be_visible(timeout=20_000)
    if script:
        assert page.evaluate("window.stayed")  # nothing but the part that changed was loaded
    expect(page.locator("#slicing")).to_contain_text("0.2 mm")
    with page.expect_download(timeout=20_000) as waiting:
        link.click()
    assert waiting.value.suggested_filename == f"{model_id}.gcode"
    assert Path(waiting.value.path()).read_text(encoding="utf-8").startswith("G28\n")
    assert page.locator("body").evaluate("body => body.scrollWidth") <= 390
    assert watched.complaints == []
    assert watched.strangers == []
    context.close()
