"""The witness that sits in every test sees what it has to see."""

import logging

import pytest
import secrecy

from lumi_box.accounts import codes, local, tokens
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.storage import addresses

logger = logging.getLogger("lumi_box.test")
PROMPT = "a very small dragon that guards a tea pot"


@pytest.fixture(autouse=True)
def forgiven(witness):
    yield
    witness.lines.clear()


def witnessed(act):
    """What the witness says of what the act logs; empty when it is content."""
    try:
        with secrecy.watched():
            act()
    except AssertionError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.ERROR])
def test_a_prompt_is_seen_at_every_level_but_its_beginning_may_be_told(box, alice, level):
    def log(text):
        accept_prompt(box, alice.id, PROMPT)
        logger.log(level, "painting %s", text)

    assert "prompt" in witnessed(lambda: log(PROMPT))
    assert "prompt" in witnessed(lambda: log(PROMPT[:21]))
    assert witnessed(lambda: log(PROMPT[:20])) == ""


def test_tokens_codes_passwords_and_signatures_are_seen(box, alice):
    def token():
        logger.info("issued %s", tokens.issue(alice, tokens.API)[1])

    def code():
        logger.info("sent %s", codes.make("key", "bob@example.org", codes.LOGIN, "here"))

    def password():
        local.set_password(alice, "tight lips sink ships")
        logger.info("set tight lips sink ships")

    def signature():
        logger.info("at %s", addresses.signed("http://x", "secret", "images/1/0.png"))

    for act in (token, code, password, signature):
        assert witnessed(act), act


def test_a_secret_in_an_error_or_in_a_field_is_seen(box, alice):
    def error():
        try:
            accept_prompt(box, alice.id, PROMPT)
            raise ValueError(PROMPT)
        except ValueError:
            logger.exception("failed")

    def field():
        accept_prompt(box, alice.id, PROMPT)
        logger.info("taken", extra={"fields": {"prompt": PROMPT}})

    assert "prompt" in witnessed(error)
    assert "prompt" in witnessed(field)


def test_what_a_library_says_counts_where_it_would_be_shown(config):
    secret = config.security.cookie_secret
    elsewhere = logging.getLogger("elsewhere")

    def say(log):
        secrecy.note("config", secret)
        log("signing with %s", secret)

    assert "config" in witnessed(lambda: say(elsewhere.warning))
    assert witnessed(lambda: say(elsewhere.info)) == ""  # logs.configure shows only their warnings


def test_what_a_process_printed_is_looked_at(tmp_path):
    secrecy.check_process("a line\nGET /files/s/<ticket>/a.png 200\n", tmp_path)
    for line in ("Authorization: Bearer abcdefgh", "GET /files/s/1795305600.kVn5-TqLb1xQ2wY_8sZ0aBcD/a.png", "is ***"):
        with pytest.raises(AssertionError):
            secrecy.check_process(f"a line\n{line}\n", tmp_path)
