"""Every rule of the config file: what is refused names its key and its rule, and no secret is ever told."""

import re
import secrets

import pytest
from config.samples import DEVELOPMENT, PRODUCTION, SECRET, SECRETS, changed, errors_of
from hypothesis import given, settings
from hypothesis import strategies as st

from lumi_box.config import load, to_toml
from lumi_box.config.cookie import cookie_fault
from lumi_box.config.tree import declared

# One of the many services that judge `alerts.urls`, as it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

# Each: the file to start from, what to replace in it (or "" to add at the end), by what, the key, the rule.
BROKEN = [
    (DEVELOPMENT, 'mode = "development"', 'mode = "developement"', "mode", "expected one of: production, development"),
    (DEVELOPMENT, "", "[server]\nprot = 5000", "server.prot", "unknown key; did you mean server.port?"),
    (DEVELOPMENT, "", "[sever]\nport = 5000", "sever", "unknown section; did you mean server?"),
    (DEVELOPMENT, "", "[providers.tencnt]", "providers.tencnt", "unknown section; did you mean providers.tencent?"),
    (DEVELOPMENT, "mode =", 'cookie_secret = "x"\nmode =', "cookie_secret", "did you mean security.cookie_secret?"),
    (DEVELOPMENT, "", '[spend]\npublic_url = "http://x"', "spend.public_url", "did you mean public_url?"),
    (DEVELOPMENT, "", "[metrics]\nqqqq = 1", "metrics.qqqq", "unknown key; expected one of: enabled, token"),
    (DEVELOPMENT, "", '[metrics]\n"a\\nb" = 1', 'metrics."a\\nb"', "unknown key"),
    (DEVELOPMENT, "mode =", "server = 5\nmode =", "server", "is a whole number; expected a table: [server]"),
    (DEVELOPMENT, "", "[[queue]]\nmax_attempts = 1", "queue", "is a list; expected a table: [queue]"),
    (DEVELOPMENT, "", '[server]\nport = "5000"', "server.port", "is text; expected a whole number from 1 to 65535"),
    (DEVELOPMENT, "", "[server]\nport = true", "server.port", "is true or false; expected a whole number"),
    (DEVELOPMENT, "", "[server]\nport = 65536", "server.port", "is out of range; expected a whole number from 1 to"),
    (DEVELOPMENT, "", "[server]\nthreads = 8.0", "server.threads", "is a number with a fraction; expected a whole"),
    (DEVELOPMENT, "", "[server]\nprocesses = 0", "server.processes", "is out of range"),
    (DEVELOPMENT, "", '[server]\nengine = "uwsgi"', "server.engine", "expected one of: auto, gunicorn, waitress"),
    (DEVELOPMENT, "", '[server]\nhost = "http://x"', "server.host", "is not a host name or address"),
    (DEVELOPMENT, "", '[server]\ncors_origins = "*"', "server.cors_origins", "is not a list"),
    (DEVELOPMENT, "", '[server]\ncors_origins = ["https://a.com/"]', "server.cors_origins", "item 1 has a path"),
    (DEVELOPMENT, "", '[server]\ncors_origins = ["https://*.a.com"]', "server.cors_origins", "item 1 has a wildcard"),
    (
        DEVELOPMENT,
        "",
        '[server]\ncors_origins = ["http://a:80"]',
        "server.cors_origins",
        "item 1 names the default port",
    ),
    (DEVELOPMENT, "", '[server]\ncors_origins = ["http://a", 7]', "server.cors_origins", "item 2 is a whole number"),
    (PRODUCTION, "", '[server]\ncors_origins = ["*"]', "server.cors_origins", '"*" is refused in production'),
    (PRODUCTION, 'public_url = "https://lumi.example.com/"\n', "", "public_url", "is required in production"),
    (PRODUCTION, "https://lumi.example.com/", "lumi.example.com", "public_url", "is not an http or https URL"),
    (PRODUCTION, 'image = "siliconflow"', 'image = "builtin"', "providers.image", "builtin is for development only"),
    (PRODUCTION, '"tencent"', '"builtin"', "providers.model3d", "builtin is for development only"),
    (DEVELOPMENT, f'cookie_secret = "{SECRET}"', "", "security.cookie_secret", "is required; write a random string"),
    (DEVELOPMENT, SECRET, SECRET[:31], "security.cookie_secret", "has 31 characters; write a random string of at"),
    (DEVELOPMENT, f'"{SECRET}"', "32", "security.cookie_secret", "is a whole number; write a random string"),
    (DEVELOPMENT, "sqlite:///data/lumi.db", "sqlite://lumi.db", "database.url", "names no file (three slashes"),
    (DEVELOPMENT, "sqlite:///data/lumi.db", "sqlite:///:memory:", "database.url", "is kept in memory"),
    (DEVELOPMENT, "data/lumi.db", "data/objects/lumi.db", "database.url", "lies in storage.disk.path"),
    (DEVELOPMENT, 'path = "data/objects"', 'path = "data"', "database.url", "lies in storage.disk.path"),
    (DEVELOPMENT, "", '[backup]\ndirectory = "data/x/../objects"', "backup.directory", "lies in storage.disk.path"),
    (DEVELOPMENT, "", "[backup]\nkeep = 0", "backup.keep", "is out of range"),
    (
        DEVELOPMENT,
        "sqlite:///data/lumi.db",
        "postgres://u:p@h/n",
        "database.url",
        "is neither a sqlite:/// nor a mysql://",
    ),
    (PRODUCTION, "%2F", "/", "database.url", "is not a MySQL URL"),
    (PRODUCTION, "/lumi_box", "", "database.url", "names no database"),
    (PRODUCTION, "3307", "99999", "database.url", "is not a MySQL URL"),
    (DEVELOPMENT, 'kind = "disk"', "", "storage.kind", "is required; expected one of: disk, s3"),
    (DEVELOPMENT, 'path = "data/objects"', "", "storage.disk.path", 'is required with storage.kind = "disk"'),
    (DEVELOPMENT, 'path = "data/objects"', 'path = ""', "storage.disk.path", "is empty"),
    (PRODUCTION, 'bucket = "lumi"\n', "", "storage.s3.bucket", 'is required with storage.kind = "s3"'),
    (PRODUCTION, 'region = "eu-1"', 'region = "eu-1"\nprefix = "/a"', "storage.s3.prefix", "has the wrong form"),
    (PRODUCTION, 'region = "eu-1"', 'region = "eu-1"\nprefix = "a/../b"', "storage.s3.prefix", "has the wrong form"),
    (
        DEVELOPMENT,
        'image = "builtin"',
        "",
        "providers.image",
        "is required; expected one of: aliyun, siliconflow, builtin",
    ),
    (
        DEVELOPMENT,
        'image = "builtin"',
        'image = "aliyun"',
        "providers.aliyun.api_key",
        'with providers.image = "aliyun"',
    ),
    (
        PRODUCTION,
        '"sf-very-secret"',
        '"replace-me-now"',
        "providers.siliconflow.api_key",
        "is the placeholder of config",
    ),
    (PRODUCTION, '"sf-very-secret"', '"two words"', "providers.siliconflow.api_key", "holds a space"),
    (PRODUCTION, '"qwen"', '"siliconflow"', "providers.siliconflow.llm_model", 'with providers.prompt = "siliconflow"'),
    (
        PRODUCTION,
        'api_key = "qwen-very-secret"',
        "",
        "providers.qwen.api_key",
        'is required with providers.prompt = "qwen"',
    ),
    (
        PRODUCTION,
        'secret_id = "tencent-id-secret"',
        "",
        "providers.tencent.secret_id",
        "is required with providers.model3d",
    ),
    (
        PRODUCTION,
        "[providers.tencent]",
        '[providers.tencent]\nendpoint = "http://a"',
        "providers.tencent.endpoint",
        "https",
    ),
    (PRODUCTION, "", '[providers.aliyun]\nendpoint = "http://a"', "providers.aliyun.endpoint", "is not encrypted"),
    (DEVELOPMENT, "", '[providers.aliyun]\nsize = "1328x1328"', "providers.aliyun.size", "a size such as 1328*1328"),
    (
        DEVELOPMENT,
        'image = "b',
        'allowed_hosts = ["http://a"]\nimage = "b',
        "providers.allowed_hosts",
        "item 1 is not a host",
    ),
    (DEVELOPMENT, "", "[queue]\nbackoff_seconds = nan", "queue.backoff_seconds", "is out of range"),
    (DEVELOPMENT, "", '[alerts]\nurls = "json://a"', "alerts.urls", "is not a list"),
    (DEVELOPMENT, "", '[alerts]\nurls = ["json://a/b", "mailtoo://x"]', "alerts.urls", "item 2 is not an address that"),
    (DEVELOPMENT, "", '[alerts]\nurl = ["json://a/b"]', "alerts.url", "unknown key; did you mean alerts.urls?"),
    (
        DEVELOPMENT,
        "",
        "[queue]\njob_timeout_seconds = 0",
        "queue.job_timeout_seconds",
        "is out of range; expected a number",
    ),
    (DEVELOPMENT, "", "[providers.qwen]\ntimeout_seconds = 3601", "providers.qwen.timeout_seconds", "up to 3600"),
    (DEVELOPMENT, "", "[queue]\nimage_concurrency = 0", "queue.image_concurrency", "is out of range"),
    (
        DEVELOPMENT,
        "",
        '[accounts]\nmode = "user_service"',
        "accounts.user_service_url",
        "is required with accounts.mode",
    ),
    (
        PRODUCTION,
        'mail_from = "Lumi <lumi@example.com>"',
        "",
        "accounts.mail_from",
        "is required with accounts.smtp_url",
    ),
    (PRODUCTION, "Lumi <lumi@example.com>", "Lumi", "accounts.mail_from", "has the wrong form"),
    (PRODUCTION, "smtp://", "imap://", "accounts.smtp_url", "is not an smtp or smtps URL"),
    (DEVELOPMENT, "", '[slicer]\nkind = "command"', "slicer.command", 'is required with slicer.kind = "command"'),
    (DEVELOPMENT, "", '[slicer]\nkind = "service"', "slicer.url", 'is required with slicer.kind = "service"'),
    (DEVELOPMENT, "", '[schedule]\nsweep = "0 3 * *"', "schedule.sweep", "has 4 fields instead of 5"),
    (DEVELOPMENT, "", '[schedule]\nhealth = "60 * * * *"', "schedule.health", "has a minute that cannot be"),
    (DEVELOPMENT, "", "[sweep]\nmax_delete_percent = 101", "sweep.max_delete_percent", "from 0 to 100"),
    (DEVELOPMENT, "", '[logging]\nlevel = "INFO"', "logging.level", "expected one of: debug, info, warning, error"),
    (DEVELOPMENT, "", '[metrics]\nenabled = "yes"', "metrics.enabled", "is text; expected true or false"),
    (DEVELOPMENT, "", '[metrics]\ntoken = "a\\tb"', "metrics.token", "cannot be printed"),
    (PRODUCTION, "https://sentrysecret@", "https://", "sentry.dsn", "is not the DSN of a Sentry project"),
    (
        DEVELOPMENT,
        "",
        "[printer]\nbed_mm = [220, 220]",
        "printer.bed_mm",
        "has 2 items; expected width, depth and height",
    ),
    (DEVELOPMENT, "", "[printer]\nbed_mm = [220, 220, -1]", "printer.bed_mm", "item 3 is out of range"),
    (DEVELOPMENT, "", '[spend]\ncurrency = "yuan"', "spend.currency", "expected a currency code such as CNY"),
    (DEVELOPMENT, "", "[spend]\nimage_price = -0.1", "spend.image_price", "is out of range"),
    (DEVELOPMENT, "", "[sweep]\ngrace_hours = 1979-05-27", "sweep.grace_hours", "is a date or time; expected a number"),
]


@pytest.mark.parametrize(
    ("start", "change", "key", "rule"),
    [(start, (old, new), key, rule) for start, old, new, key, rule in BROKEN],
    ids=[f"{row[3]}-{n}" for n, row in enumerate(BROKEN)],
)
def test_a_mistake_is_told_in_one_line_that_names_its_key_and_the_rule(write, start, change, key, rule):
    old, new = change
    (line,) = errors_of(write(changed(start, old, new) if old else f"{start}\n{new}\n"))
    name, _, text = line.partition(": ")
    assert name == key
    assert rule in text
    assert not any(secret in line for secret in SECRETS)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_table(write):
    text = """
        zzz = 1
        [spend]
        monthly_cap = "much"
        [server]
        treads = 3
        port = 0
        prt = 4
        host = ""
        [storage.s3]
        bukket = "x"
        [providers]
        model3d = "builtin"
    """
    assert [line.partition(":")[0] for line in errors_of(write(text))] == [
        "public_url",
        "server.host",
        "server.port",
        "server.treads",
        "server.prt",
        "security.cookie_secret",
        "database.url",
        "storage.kind",
        "storage.s3.bukket",
        "providers.image",
        "providers.model3d",
        "spend.monthly_cap",
        "zzz",
    ]


def test_a_rule_of_the_mode_is_told_beside_another_mistake_of_the_same_key(write):
    found = errors_of(write(f'{PRODUCTION}\n[server]\ncors_origins = ["*", "https://a.com/"]'))
    assert [line[:40] for line in found] == [
        "server.cors_origins: item 2 has a path; ",
        'server.cors_origins: "*" is refused in p',
    ]


def test_a_key_with_a_wrong_value_is_not_also_called_missing(write):
    (line,) = errors_of(write(changed(PRODUCTION, '"sf-very-secret"', "7")))
    assert line.startswith("providers.siliconflow.api_key: is a whole number")


def test_a_section_of_the_wrong_type_is_one_mistake_not_one_for_each_of_its_keys(write):
    text = re.sub(r"\[security\].*?(?=\[database\])", "", DEVELOPMENT, flags=re.DOTALL)
    assert errors_of(write(f"security = true\n{text}")) == ["security: is true or false; expected a table: [security]"]


@pytest.mark.parametrize(
    ("secret", "rule"),
    [
        ("lumi-server-secret-key-change-in-production", "is a well-known placeholder"),
        ("replace-me-with-the-random-secret-that-init-makes", "is a well-known placeholder"),
        ("CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME", "is a well-known placeholder"),
        ("your-secret-key-goes-here-and-is-long", "is a well-known placeholder"),
        ("please-change-this-to-something-long-1234", "is a well-known placeholder"),
        ("x" * 64, "is one character repeated"),
        ("abcabcd" * 6, "has fewer than 8 different characters"),
        ("0123456789" * 4, "is a short pattern repeated"),
        ("0123456789abcdef0123456789abcdef01", "is a short pattern repeated"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "counts through the alphabet or the digits"),
        ("", "has 0 characters"),
    ],
)
def test_a_cookie_secret_that_others_could_guess_is_refused_and_the_reason_given(write, secret, rule):
    (line,) = errors_of(write(changed(DEVELOPMENT, SECRET, secret)))
    assert line.startswith(f"security.cookie_secret: {rule}; write a random string of at least 32 characters")


def test_random_secrets_pass():
    for made in (secrets.token_hex, secrets.token_urlsafe):
        assert [cookie_fault(made(32)) for _ in range(200)] == [None] * 200


def test_no_value_of_the_file_is_told_when_it_is_refused(write):
    lost = "hunter2-hunter2"
    for key in declared():
        *tables, name = key
        text = f"[{'.'.join(tables)}]\n" if tables else ""
        for value in (f'"\\u0007{lost}"', f'["{lost} "]'):
            path = write(f"{text}{name} = {value}")
            assert not any(lost in line for line in errors_of(path)), key


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b'[security]\ncookie_secret = "s3cr3t', "is not valid TOML"),
        (b'a = 1\n[security]\ncookie_secret = s3cr3t"', "is not valid TOML at line 3, column 17"),
        (b"a = 1\nb = \xff", "is not UTF-8 text at line 2"),
        (b"a = " + b"[" * 100_000, "is not valid TOML"),
        (b"a = " + b"1" * 5000, "is not valid TOML"),
        (b"#" * 2_000_000, "is larger than 1 MB"),
    ],
)
def test_a_file_that_is_no_toml_is_one_line_with_its_place_and_none_of_its_text(write, content, rule):
    path = write(content)
    (line,) = errors_of(path)
    assert line.startswith(f"{path}: {rule}")
    assert "s3cr3t" not in line


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert errors_of(tmp_path / "no.toml") == [f"{tmp_path}/no.toml: there is no such file; lumi-box init writes one"]
    assert errors_of(tmp_path) == [f"{tmp_path}: cannot be read (Is a directory)"]


def test_a_byte_order_mark_is_not_a_mistake(write):
    assert load(write(b"\xef\xbb\xbf" + DEVELOPMENT.encode())).development


VALUES = st.recursive(
    st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=8), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)
NAMES = st.one_of(st.sampled_from(sorted({part for path in declared() for part in path})), st.text(max_size=8))
SECTIONS = st.dictionaries(NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=4)), max_size=5)


@settings(max_examples=60, deadline=None)
@given(values=SECTIONS)
def test_any_toml_is_answered_with_lines_never_with_a_traceback(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_text(to_toml(values), encoding="utf-8")
    assert errors_of(path)


@settings(max_examples=60, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8"))))
def test_any_bytes_are_answered_with_lines_never_with_a_traceback(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz-bytes.toml"
    path.write_bytes(content)
    assert errors_of(path)
