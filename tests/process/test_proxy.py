"""lumi-box behind the web servers that docs/install.md configures, with its own words: https, and below a path."""

from __future__ import annotations

import re
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from process.server import EMAIL, Server, command, eventually, free_port
from tools import need

pytestmark = pytest.mark.process

DOCS = Path(__file__).parents[2] / "docs" / "install.md"
SOON_SECONDS = 8.0  # a proxy that collects an answer before it passes it on would hold a stream back for minutes
PASSWORD = "correct horse battery"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after)
    return text


class Proxy:
    """A web server with the documented configuration, on a free port, with a certificate of its own."""

    def __init__(self, folder: Path, below: str) -> None:
        self.folder, self.below, self.port = folder, below, free_port()
        self.address = f"https://localhost:{self.port}{below}"
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"
        line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        files = ["-addext", "subjectAltName=DNS:localhost", "-out", str(self.certificate), "-keyout", str(self.key)]
        subprocess.run([*line.split(), *files], check=True, capture_output=True, timeout=60)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, upstream: int) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._line(upstream), stdout=log, stderr=log, cwd=self.folder)
        eventually(self._answers, 20, f"an answer of the proxy\n{(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def _line(self, upstream: int) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.address}/health", verify=str(self.certificate), timeout=5).status_code == 200
        except requests.ConnectionError:
            return False


class Nginx(Proxy):
    def _line(self, upstream: int) -> list[str]:
        server, below = blocks("nginx")
        if self.below:
            whole = re.search(r"    location / \{\n.*?;\n", server, re.DOTALL)
            assert whole is not None
            server = server.replace(whole[0], below)
        server = replaced(
            server,
            ("listen 443", f"listen 127.0.0.1:{self.port}"),
            ("/etc/ssl/lumi.example.com.pem", str(self.certificate)),
            ("/etc/ssl/lumi.example.com.key", str(self.key)),
            ("server_name lumi.example.com", "server_name localhost"),
            ("127.0.0.1:5000", f"127.0.0.1:{upstream}"),
        )
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in kinds)
        top = f"daemon off;\npid {self.folder}/pid;\nerror_log stderr;\nworker_processes 1;\nevents {{}}\n"
        path = self.folder / "nginx.conf"
        path.write_text(f"{top}http {{\naccess_log off;\n{places}{textwrap.indent(server, '  ')}}}\n", encoding="utf-8")
        return [*need("nginx"), "-p", str(self.folder), "-c", str(path)]


class Caddy(Proxy):
    def _line(self, upstream: int) -> list[str]:
        whole, below = blocks("caddy")
        site = replaced(
            below.replace("example.com", "lumi.example.com") if self.below else whole,
            ("lumi.example.com {", f"https://localhost:{self.port} {{\n\ttls {self.certificate} {self.key}"),
            ("127.0.0.1:5000", f"127.0.0.1:{upstream}"),
        )
        path = self.folder / "Caddyfile"
        path.write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}", encoding="utf-8")
        return ["caddy", "run", "--config", str(path), "--adapter", "caddyfile"]


@pytest.fixture(params=["nginx", "nginx-below", "caddy", "caddy-below"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    name, _, below = request.param.partition("-")
    need(name)
    need(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "proxy"
    folder.mkdir()
    made = {"nginx": Nginx, "caddy": Caddy}[name](folder, "/lumi" if below else "")
    yield made
    made.stop()


@pytest.fixture
def server(tmp_path: Path, proxy: Proxy) -> Iterator[Server]:
    with Server(tmp_path / "home", more="trusted_proxies = 1\n") as made:
        path = made.folder / "config.toml"
        text = path.read_text(encoding="utf-8")
        path.write_text(f'public_url = "{proxy.address}"\n{text}', encoding="utf-8")
        words = ("user", "set-password", EMAIL, "--password-stdin")
        assert command(*words, cwd=made.folder, stdin=PASSWORD).returncode == 0
        made.start()
        proxy.start(made.port)
        yield made


def test_from_the_sign_in_to_the_pictures_through_a_web_server(server, proxy):
    with requests.Session() as browser:
        browser.verify, browser.trust_env = str(proxy.certificate), False  # no bundle of the surroundings
        sign_in(browser, proxy)
        begun = time.monotonic()
        address = create(browser, proxy, "a small boat")
        events = re.search(r'data-events="([^"]+)"', browser.get(address, timeout=20).text)
        assert events is not None
        assert events[1].startswith(f"{proxy.below}/api/v1/tasks/")
        names = stream(browser, f"https://localhost:{proxy.port}{events[1]}", until="image:completed")
        print(f"{proxy.address}: {[(name, round(moment - begun, 2)) for name, moment in names]}")
        assert names[0][0] == "task:init"
        assert names[0][1] - begun < SOON_SECONDS
        task_id = address.rpartition("/")[2]
        done = next(image for image in server.task(task_id)["images"] if image["imageUrl"])
        assert done["imageUrl"].startswith(f"{proxy.address}/files/s/")
        picture = requests.get(done["imageUrl"], verify=browser.verify, headers={"Range": "bytes=0-7"}, timeout=20)
        assert (picture.status_code, picture.content) == (206, b"\x89PNG\r\n\x1a\n")


def sign_in(browser: requests.Session, proxy: Proxy) -> None:
    away = browser.get(f"{proxy.address}/creations", timeout=20)
    assert away.url.startswith(f"{proxy.address}/login?next=")
    for name in re.findall(r'(?:href|src)="([^"]+\.(?:css|js|svg))"', away.text):
        assert name.startswith(f"{proxy.below}/static/")
        assert browser.get(f"https://localhost:{proxy.port}{name}", timeout=20).status_code == 200
    form = {"email": EMAIL, "password": PASSWORD} | hidden(away.text, "login")
    assert form["next"] == f"{proxy.below}/creations"
    inside = browser.post(f"{proxy.address}/login", data=form, headers={"Referer": away.url}, timeout=20)
    assert (inside.status_code, inside.url) == (200, f"{proxy.address}/creations")
    cookie = next(cookie for cookie in browser.cookies if cookie.name == "lumi_session")
    assert (cookie.path, cookie.secure) == (proxy.below or "/", True)
    assert inside.headers["Strict-Transport-Security"]


def create(browser: requests.Session, proxy: Proxy, prompt: str) -> str:
    """The address of the page of a new task, made with the form of the start page."""
    page = browser.get(f"{proxy.address}/", timeout=20)
    made = browser.post(
        f"https://localhost:{proxy.port}{action(page.text)}",
        data={"prompt": prompt} | hidden(page.text, "creations"),
        headers={"Referer": page.url},
        timeout=20,
    )
    assert made.status_code == 200, made.text
    assert made.url.startswith(f"{proxy.address}/creations/")
    return made.url


def action(page: str) -> str:
    found = re.search(r'<form[^>]*action="([^"]*/creations)"', page)
    assert found is not None, page
    return found[1]


def hidden(page: str, of: str) -> dict[str, str]:
    """The hidden fields of the form that goes to the address that ends so."""
    form = re.search(rf'<form[^>]*action="[^"]*/{of}[^"]*".*?</form>', page, re.DOTALL)
    assert form is not None, page
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0])
    return {name: value.replace("&amp;", "&") for name, value in fields}


def stream(browser: requests.Session, address: str, until: str) -> list[tuple[str, float]]:
    """The events and when each has come, up to one of that name; the stream is open all the time."""
    seen: list[tuple[str, float]] = []
    with browser.get(address, stream=True, headers={"Accept": "text/event-stream"}, timeout=(10, 30)) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
            if line.startswith("event:"):
                seen.append((line.partition(":")[2].strip(), time.monotonic()))
                if seen[-1][0] == until:
                    return seen
    raise AssertionError(f"the stream ended without {until}: {seen}")
