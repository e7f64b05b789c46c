"""One event is one line, whatever it says."""

import json
import logging
import sys
import threading
import warnings

import pytest

from lumi_box import logs

HOSTILE = "a\nb\rc\x1b[31md\x85e\u2028f\u2029g\x00h\x0bi\x0cj\x7fk\u202el"
STYLES = ("text", "json")


def shown(style, message, *arguments, extra=None, exc_info=None):
    formatter = logs.JsonFormatter() if style == "json" else logs.TextFormatter()
    record = logging.LogRecord("test", logging.INFO, "x.py", 1, message, arguments, exc_info)
    record.__dict__.update(extra or {})
    return formatter.format(record)


@pytest.fixture
def configured(capsys):
    """What logs.configure changes, put back."""
    ours = logging.getLogger("lumi_box")
    before = logging.root.handlers[:], logging.root.level, ours.level, sys.excepthook, threading.excepthook

    def configure(level, style):
        logs.configure(level, style)
        return lambda: capsys.readouterr().out.splitlines()  # noqa: PLW0108  what was printed by then

    yield configure
    logging.captureWarnings(False)
    logging.root.handlers[:], logging.root.level = before[0], before[1]
    ours.setLevel(before[2])
    sys.excepthook, threading.excepthook = before[3:]


def raised(error):
    try:
        raise error
    except type(error):
        return sys.exc_info()


@pytest.mark.parametrize("style", STYLES)
def test_nothing_that_is_logged_can_begin_another_line(style):
    line = shown(style, "name=%s", HOSTILE, extra=logs.fields(path=HOSTILE), exc_info=raised(ValueError(HOSTILE)))
    assert len(line.splitlines()) == 1
    assert not [letter for letter in line if not letter.isprintable()]
    assert "a\\nb" in line and "ValueError" in line


def test_a_json_line_gives_back_what_was_said():
    line = json.loads(shown("json", "name=%s", HOSTILE, exc_info=raised(ValueError("no"))))
    assert line["message"] == f"name={HOSTILE}"
    assert line["exception"].startswith("Traceback") and line["exception"].endswith("ValueError: no")
    assert (line["level"], line["logger"]) == ("info", "test")
    assert line["time"].endswith("Z")


def test_ids_stand_on_every_line_of_the_block_in_both_styles():
    with logs.bind(request_id="r1"), logs.bind(job_id="j1"):
        assert shown("text", "done", extra=logs.fields(ms=3)).endswith(" done ms=3 request_id=r1 job_id=j1")
        line = json.loads(shown("json", "done", extra=logs.fields(ms=3, in_json={"route": "/x"})))
        assert (line["request_id"], line["job_id"], line["ms"], line["route"]) == ("r1", "j1", 3, "/x")
    assert "r1" not in shown("text", "done")


def test_the_level_is_for_our_own_events_and_libraries_only_warn(configured):
    lines = configured("debug", "text")
    logging.getLogger("lumi_box.flow").debug("ours")
    for name in ("botocore.auth", "urllib3", "peewee", "huey"):
        logging.getLogger(name).debug("theirs, with what they sent")
        logging.getLogger(name).info("theirs, with what they sent")
    logging.getLogger("gunicorn.error").warning("a worker died")
    found = [line.split(maxsplit=1)[1] for line in lines()]
    assert found == ["debug   lumi_box.flow ours", "warning gunicorn.error a worker died"]


def test_what_nobody_caught_is_one_line_too(configured):
    lines = configured("info", "text")
    thread = threading.Thread(target=lambda: 1 / 0, name="busy")
    thread.start()
    thread.join()
    sys.excepthook(*raised(ValueError("two\nlines")))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    found = lines()
    assert len(found) == 3
    assert "name=busy" in found[0] and "ZeroDivisionError" in found[0]
    assert "critical" in found[1] and "two\\nlines" in found[1]
    assert "DeprecationWarning: old" in found[2]
