"""What templates, style sheets and scripts may hold, and that everything a reader sees is there in Chinese."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
CATALOGUE = ROOT / "lumi_box" / "web" / "translations" / "zh" / "LC_MESSAGES"

TEMPLATE_NAMES = sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html"))
OUR_FILES = sorted(
    path
    for path in [*TEMPLATES.rglob("*"), *STATIC.rglob("*")]
    if path.is_file() and "vendor" not in path.parts and path.suffix in {".html", ".css", ".js", ".svg"}
)
ELSEWHERE = re.compile(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", re.IGNORECASE)
NAMESPACES = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def short(path: object) -> str:
    return str(path.relative_to(ROOT)) if isinstance(path, Path) else str(path)


class Inline(HTMLParser):
    """Collects what the content security policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self._script = tag == "script" and names.get("type") != "application/json"
        if tag == "style" or "style" in names:
            self.found.append(f"<{tag}> with style")
        self.found += [f"<{tag} {name}>" for name in names if name.startswith("on")]
        self.found += [
            f"<{tag}> {value}" for value in names.values() if (value or "").lower().startswith("javascript:")
        ]

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.found.append("script code")

    def handle_endtag(self, tag: str) -> None:
        self._script = False


def inline_code(html: str) -> list[str]:
    parser = Inline()
    parser.feed(html)
    return parser.found


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with (CATALOGUE / "messages.po").open("rb") as file:
        return read_po(file)


def texts_in_pages() -> Iterator[str]:
    methods = [("**.html", "jinja2"), ("**.py", "python")]
    keywords = dict.fromkeys(("_", "gettext", "lazy_gettext")) | {"ngettext": (1, 2)}
    for folder in (TEMPLATES, ROOT / "lumi_box" / "web" / "pages"):
        for _, _, message, _, _ in extract_from_dir(folder, methods, keywords=keywords):
            yield message[0] if isinstance(message, tuple) else message


@pytest.mark.parametrize("path", OUR_FILES, ids=short)
def test_nothing_is_loaded_from_another_host(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for namespace in NAMESPACES:
        text = text.replace(namespace, "")
    assert ELSEWHERE.findall(text) == []


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_a_template_holds_no_inline_code_or_style(name: str) -> None:
    assert inline_code((TEMPLATES / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "html",
    ['<p style="x">', "<style>p{}</style>", "<script>a()</script>", '<a onclick="a()">', '<a href="JavaScript:a()">'],
)
def test_inline_code_would_be_noticed(html: str) -> None:
    assert inline_code(html)


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_a_template_compiles(name: str) -> None:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), extensions=["jinja2.ext.i18n"], autoescape=True)
    environment.filters.update(dict.fromkeys(("status_text", "said", "ago", "moment", "megabytes", "here"), str))
    environment.get_template(name)


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_every_form_that_changes_something_carries_the_csrf_field(name: str) -> None:
    html = (TEMPLATES / name).read_text(encoding="utf-8")
    forms = re.findall(r"<form\b.*?</form>", html, re.DOTALL)
    assert [form for form in forms if 'method="post"' in form and "csrf_field()" not in form] == []


def test_every_file_that_a_template_names_exists() -> None:
    text = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in TEMPLATE_NAMES)
    named = re.findall(r"filename='([^'~]+\.\w+)'", text)
    assert named
    assert [name for name in named if not (STATIC / name).is_file()] == []


def test_every_text_of_the_pages_is_translated(catalogue: Catalog) -> None:
    texts = set(texts_in_pages())
    assert len(texts) > 100
    assert [text for text in sorted(texts) if text not in catalogue] == []
    assert [message.id for message in catalogue if message.id and not (message.string and any(message.string))] == []
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []


def test_a_translation_keeps_the_placeholders(catalogue: Catalog) -> None:
    for message in catalogue:
        original = message.id[0] if isinstance(message.id, tuple) else message.id
        for translated in message.string if isinstance(message.string, tuple) else [message.string]:
            if original:
                assert set(PLACEHOLDER.findall(translated)) == set(PLACEHOLDER.findall(original)), original


def test_the_compiled_catalogue_is_up_to_date(catalogue: Catalog) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    assert (CATALOGUE / "messages.mo").read_bytes() == compiled.getvalue()
