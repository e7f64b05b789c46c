"""Signatures as the specification has them, checked by its own implementation."""

import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from lumi_box.webhooks import sign

SECRET = "a cookie secret of more than 32 characters"
BODY = '{"type":"task.completed","data":{"prompt":"一只小猫"}}'.encode()


def test_the_signature_of_the_specifications_example():
    key = sign.key(SECRET, "hook", "salt")
    moment = 1_614_265_330
    headers = sign.headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", moment, b'{"test": 2432232314}')
    theirs = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    known = sign.headers([theirs._whsecret], "msg_p5jXN8AQM9LWM0D4loKWxJek", moment, b'{"test": 2432232314}')
    assert known["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-signature"] != known["webhook-signature"]


def test_another_implementation_verifies_it_and_nothing_that_was_changed():
    key, now = sign.key(SECRET, "hook", "salt"), int(time.time())
    headers = sign.headers([key], "id", now, BODY)
    receiver = Webhook(sign.secret(key))
    assert receiver.verify(BODY, headers)["data"] == {"prompt": "一只小猫"}
    for changed, body in (
        (headers, BODY + b" "),
        (headers | {"webhook-id": "other"}, BODY),
        (headers | {"webhook-timestamp": str(now - 1)}, BODY),
        (sign.headers([key], "id", now - 301, BODY), BODY),  # a replay
    ):
        with pytest.raises(WebhookVerificationError):
            receiver.verify(body, changed, json_parse=False)


def test_while_a_secret_changes_either_verifies():
    old, new = (sign.key(SECRET, "hook", salt) for salt in ("old", "new"))
    headers = sign.headers([new, old], "id", int(time.time()), BODY)
    for key in (old, new):
        Webhook(sign.secret(key)).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(sign.secret(sign.key(SECRET, "hook", "third"))).verify(BODY, headers)


def test_every_webhook_salt_and_installation_has_a_key_of_its_own():
    keys = {
        sign.key(secret, hook, salt)
        for secret in (SECRET, SECRET + "!")
        for hook in ("a", "b", "ax")
        for salt in ("x", "y", "")
    }
    assert len(keys) == 18
    assert all(len(key) == 32 for key in keys)
    assert sign.secret(sign.key(SECRET, "a", "x")).startswith("whsec_")
