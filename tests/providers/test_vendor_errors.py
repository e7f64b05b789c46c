"""From a vendor's words to ours: tables, texts that give nothing away, and sentences in both languages."""

from __future__ import annotations

import gettext

import pytest
from emulators.error_rows import ERROR_ROWS

import lumi_box
from lumi_box.errors import Busy, Refused, Unavailable
from lumi_box.providers import messages, siliconflow
from lumi_box.providers.http import Answer
from lumi_box.providers.images import aliyun_errors
from lumi_box.providers.models3d import tencent_errors
from lumi_box.providers.prompts import qwen_errors
from lumi_box.providers.vendor_errors import Meaning, Row, Told, VendorErrors, tidy, told

TABLES = {
    "dashscope": aliyun_errors.ERRORS,
    "siliconflow": siliconflow.PICTURE_ERRORS,
    "qwen": qwen_errors.ERRORS,
    "tencent": tencent_errors.ERRORS,
}
PROMPT = "a fox with a very secret name, Zorro the Third"


def error_of(table, **facts):
    return table.error(Told(**({"code": "", "message": ""} | facts)))


@pytest.mark.parametrize("vendor", TABLES)
def test_each_code_of_the_vendors_tables_has_a_row(vendor):
    codes = {row.code for row in TABLES[vendor].rows}
    wanted = {row.code for row in ERROR_ROWS[vendor] if row.code and row.code not in ("20041", "50604", "50602")}
    for code in wanted:
        assert any(code == known or code.startswith(f"{known}.") for known in codes if known), code


@pytest.mark.parametrize("words", [messages.PICTURES, messages.MODELS, messages.TEXTS])
def test_each_service_has_a_sentence_for_each_meaning(words):
    table = VendorErrors((), words)
    assert all(table.text(meaning).endswith(".") for meaning in Meaning)


@pytest.mark.parametrize(
    ("status", "kind", "alert"),
    [
        (400, Refused, False),
        (401, Refused, True),
        (402, Refused, True),
        (403, Refused, True),
        (404, Refused, True),
        (408, Unavailable, False),
        (409, Refused, False),
        (429, Busy, False),
        (500, Unavailable, False),
        (503, Unavailable, False),
        (599, Unavailable, False),
        (200, Refused, False),
    ],
)
@pytest.mark.parametrize("vendor", TABLES)
def test_an_unknown_code_goes_by_its_status(vendor, status, kind, alert):
    error = error_of(TABLES[vendor], code="Some.NewCode", status=status)
    assert type(error) is kind
    assert (error.alert, error.code, error.ticket_dead) == (alert, "Some.NewCode", False)


def test_an_unknown_suffix_goes_by_its_prefix():
    assert isinstance(error_of(TABLES["dashscope"], code="InternalError.Novel", status=400), Unavailable)
    assert isinstance(error_of(TABLES["tencent"], code="InternalError.Novel"), Unavailable)
    assert isinstance(error_of(TABLES["tencent"], code="RequestLimitExceeded.Novel"), Busy)


def test_a_longer_name_is_not_a_suffix():
    table = VendorErrors((Row("InternalError", Meaning.FAILED),), messages.PICTURES)
    assert isinstance(error_of(table, code="InternalErrors"), Refused)


def test_words_decide_between_rows_of_the_same_code():
    table = TABLES["dashscope"]
    busy = error_of(table, code="Throttling.AllocationQuota", message="Allocated quota exceeded", status=429)
    empty = error_of(table, code="Throttling.AllocationQuota", message="Free allocated quota exceeded.", status=429)
    assert isinstance(busy, Busy)
    assert isinstance(empty, Refused)
    assert empty.alert


@pytest.mark.parametrize(("which", "seconds", "alert"), [("IPM", 20, False), ("RPH", 600, False), ("IPD", 3600, True)])
def test_siliconflow_says_which_limit_it_was(which, seconds, alert):
    words = f"Request was rejected due to rate limiting. Details:{which} limit reached."
    error = error_of(TABLES["siliconflow"], message=words, status=429)
    assert isinstance(error, Busy)
    assert (error.retry_after, error.alert) == (seconds, alert)


def test_a_task_that_ended_busy_has_nothing_to_wait_for():
    error = TABLES["dashscope"].error(Told("Throttling", ""), ticket_dead=True)
    assert type(error) is Unavailable
    assert error.ticket_dead


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("99999999", 3600.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_honoured_within_reason(header, seconds):
    answer = Answer(429, {"Retry-After": header}, None, "")
    assert told(answer, "Throttling", "").retry_after == seconds
    assert TABLES["dashscope"].error(told(answer, "Throttling", "")).retry_after == seconds


def test_a_gateways_page_is_told_without_its_tags():
    page = "<html><head><title>502 Bad Gateway</title></head><body><hr>nginx</body></html>"
    error = TABLES["dashscope"].error(told(Answer(502, {}, None, page), None, None))
    assert (error.code, error.vendor_text) == ("http_502", "502 Bad Gateway nginx")


@pytest.mark.parametrize(
    "words",
    [
        f"refused: {PROMPT}",
        f"refused: {PROMPT.upper()[:5]} {PROMPT[7:40]}",
        'refused: {"prompt": "a fox with a very secret n',
        "refused: Zorro the Third",
    ],
)
def test_the_prompt_is_never_repeated(words):
    told_words = tidy(words, PROMPT)
    assert told_words.startswith("refused:")
    assert "secret" not in told_words
    assert "Zorro" not in told_words


def test_a_prompt_is_found_when_json_has_escaped_it():
    assert "\\u72d0" not in tidy('bad input "\\u4e00\\u53ea\\u72d0\\u72f8"', "一只狐狸")
    assert "狐" not in tidy("输入包含不当内容：一只狐狸", "一只狐狸")


def test_short_words_in_common_are_left_alone():
    assert tidy("Input data may contain inappropriate content.", PROMPT) == (
        "Input data may contain inappropriate content."
    )
    assert tidy("Model a not found", "a") == "Model a not found"


def test_addresses_lose_their_query_and_keys_their_tail():
    assert tidy("see https://x.example/a/b.png?Signature=abc&x=1#f for it") == "see https://x.example/a/b.png for it"
    assert "abcdef" not in tidy("Incorrect API key provided: sk-abcdef123456.")
    assert "0123" not in tidy("The SecretId AKIDz0123456789 is not found.")
    assert "abcdef" not in tidy("token abcdef0123456789 is invalid", keys=["abcdef0123456789"])


def test_a_vendors_words_are_one_short_line():
    text = tidy("a\nb\r\n\tc " * 400)
    assert len(text) == 300
    assert text.startswith("a b c a")
    assert text.endswith("…")


def sentences():
    found = {text for words in (messages.PICTURES, messages.MODELS, messages.TEXTS) for text in words.values()}
    named = (value for name, value in vars(messages).items() if name.isupper() and not name.startswith("_"))
    for value in named:
        found |= {value} if isinstance(value, str) else set(value) if isinstance(value, tuple) else set()
    return sorted(found)


@pytest.mark.parametrize("text", sentences())
def test_each_sentence_is_translated(text):
    folder = f"{lumi_box.__path__[0]}/web/translations"
    chinese = gettext.translation("messages", folder, ["zh"]).gettext(text)
    assert chinese != text
    assert chinese.endswith("。")
