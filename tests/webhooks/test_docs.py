"""The example of docs/webhooks.md verifies what is sent, and nothing else."""

import re
import time

import pytest

from lumi_box.shipped import shipped
from lumi_box.webhooks import deliver, deliveries, names, register, retry, sign

PAGE = (shipped("templates").parent / "docs" / "webhooks.md").read_text(encoding="utf-8")
KEY = sign.key("a cookie secret", "hook", "salt")
BODY = '{"data":"一只小猫"}'.encode()


@pytest.fixture
def verify():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    known = {}
    exec(example, known)
    return known["verify"]


def signed(moment=None, key=KEY):
    return sign.headers([sign.key("another", "hook", "salt"), key], "id", moment or int(time.time()), BODY)


def test_the_example_takes_what_is_sent(verify):
    verify(sign.secret(KEY), signed(), BODY)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (signed, BODY + b" "),
        (lambda: signed() | {"webhook-id": "other"}, BODY),
        (lambda: signed() | {"webhook-signature": "v1,"}, BODY),
        (lambda: signed(moment=int(time.time()) - 400), BODY),
        (lambda: signed(key=sign.key("a third", "hook", "salt")), BODY),
    ],
)
def test_the_example_refuses_what_is_not(verify, headers, body):
    with pytest.raises(ValueError):
        verify(sign.secret(KEY), headers(), body)


def test_the_page_names_every_event_and_its_figures_are_those_of_the_code():
    for event in (*names.EVENTS, names.TEST):
        assert f"`{event}`" in PAGE
    assert retry.DELAYS == (10, 60, 300, 1800, 7200, 21_600, 54_000)
    assert "after 10 seconds, 1, 5 and 30 minutes, 2, 6 and 15 hours" in PAGE
    assert (deliver.SECONDS, deliver.MOST_BYTES, deliver.KEPT_CHARACTERS) == (10, 65_536, 500)
    assert (register.MOST, register.OVERLAP_MS // 3_600_000) == (10, 24)
    assert (deliveries.PATIENCE_MS // deliveries.DAY_MS, deliveries.KEEP_MS // deliveries.DAY_MS) == (5, 7)
    assert deliveries.LEASE_MS == 60_000
