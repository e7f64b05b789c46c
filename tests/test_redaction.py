"""The last line of defence: what looks like a secret, and what is known to be one, is not shown."""

import pytest

from lumi_box import config as configuration
from lumi_box import redaction
from lumi_box.config import secret_values

SIGNATURE = "1795305600.kVn5-TqLb1xQ2wY_8sZ0aBcD"


@pytest.fixture(autouse=True)
def forgotten():
    yield
    redaction.know(())


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("sent with bearer abcdef123456 today", "abcdef123456"),
        ("{'Authorization': 'TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5/2019, Signature=be4f'}", "AKIDz8krbsJ5"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("Cookie: lang=en; lumi_session=eyJzaWQiOiIx.aBc.dEf", "eyJzaWQiOiIx"),
        ("Set-Cookie: lumi_session=abc123def456; HttpOnly", "abc123def456"),
        ("lumi_session=abc123def456 was sent", "abc123def456"),
        ("GET /o?X-Amz-Credential=AK%2F2026&X-Amz-Signature=0123456789abcdef", "0123456789abcdef"),
        ("GET /o?OSSAccessKeyId=LTAI4&Expires=1&Signature=vjbyPxybdZ%3D", "vjbyPxybdZ"),
        (f"GET /files/s/{SIGNATURE}/images/1/0.png", SIGNATURE),
        (f"/s/{SIGNATURE}", SIGNATURE),
        (f"ticket {SIGNATURE} refused", SIGNATURE),
        ("token lumi_0123456789abcdefghijklmnop", "0123456789abcdefghij"),
        ("key sk-0123456789abcdef was refused", "0123456789abcdef"),
        ("mysql://lumi:p%40ss@db.lan:3306/lumi", "p%40ss"),
        ("https://0123456789@sentry.lan/1", "0123456789"),
        ('{"email": "a@b.c", "password": "hunter2hunter2"}', "hunter2hunter2"),
        ("/setup?token=abcdefgh&x=1", "abcdefgh"),
        ("api_key=abcdefgh", "abcdefgh"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text, secret):
    assert secret in text
    shown = redaction.redact(text)
    assert secret not in shown
    assert redaction.MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "attempt failed kind=image attempt=1 outcome=refused will_retry=False code=InvalidApiKey reason=a bad key",
        "sweep done dry_run=False listed=1234567890 referenced=1234567890.5",
        "GET /api/v1/tasks/01a20014-26f0-7000-81ab-eddc95792a21/images/2/redo 200 ms=3.1",
        "GET /static/js/page.js 200",
        "starting database=lumi@127.0.0.1:3306/lumi storage=s3",
        "the secretary's password was not said; basic English, bearer of news",
        "task-0123456789 and disk-usage are words",
    ],
)
def test_what_an_operator_has_to_read_stays(text):
    assert redaction.redact(text) == text


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # one of apprise's many services
def test_the_secrets_of_the_config_are_masked_wherever_they_stand(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        """
mode = "development"
[security]
cookie_secret = "a cookie secret of more than thirty-two characters"
[database]
url = "mysql://lumi:wild%20goose%20chase@db.lan/lumi"
[storage]
kind = "disk"
[storage.disk]
path = "objects"
[providers]
image = "aliyun"
model3d = "builtin"
[providers.aliyun]
api_key = "plain-words-as-a-key"
[accounts]
smtp_url = "smtp://box:mail%20pass%20word@mail.lan"
mail_from = "box@mail.lan"
[metrics]
token = "scraping-by-token"
[alerts]
urls = ["json://notify:open-sesame-now@hooks.lan/lumi"]
""",
        encoding="utf-8",
    )
    path.chmod(0o600)
    redaction.know(secret_values(configuration.load(path)))
    secrets = ("a cookie secret of more than thirty-two characters", "wild goose chase", "wild%20goose%20chase")
    for secret in (*secrets, "open-sesame-now", "plain-words-as-a-key", "mail pass word", "scraping-by-token"):
        assert redaction.redact(f"it was ({secret}).") == "it was (***)."
    assert redaction.redact("lumi at db.lan and mail.lan") == "lumi at db.lan and mail.lan"


def test_a_short_secret_takes_no_words_out_of_the_log():
    redaction.know(["root", ""])
    assert redaction.redact("the root of it") == "the root of it"


def test_what_somebody_sent_is_concealed_within_the_block_only():
    prompt = 'a dragon\'s "best" friend'
    with redaction.conceal(prompt, "tiny"):
        assert redaction.redact(f"cannot read {prompt}") == "cannot read ***"
        assert redaction.redact(f"KeyError: {prompt!r}") == "KeyError: '***'"
        with redaction.conceal("another of them"):
            assert redaction.redact(f"{prompt} or another of them") == "*** or ***"
        assert redaction.redact("a tiny one") == "a tiny one"
    assert redaction.redact(prompt) == prompt
