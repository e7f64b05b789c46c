"""The product's real job: every pair of cloud providers, spoken to over real HTTP, by the server as a process."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trimesh
from emulators.emulator import ALIYUN_KEY, SILICONFLOW_KEY, TENCENT_ID, TENCENT_KEY, Emulator
from PIL import Image
from process.server import Server, eventually

pytestmark = pytest.mark.process

PROMPT = "一只戴着红色围巾、坐在一摞旧书上打瞌睡的小猫头鹰，圆滚滚的身体，适合桌面摆件"
PAIRS = [("aliyun", "qwen", "rapid"), ("aliyun", "none", "pro"), ("siliconflow", "siliconflow", "rapid")]
DEBUG = "\n[spend]\nimage_price = 0.2\nmodel_price = 1.5\n"
MARKER = ".lumi-box"  # names the installation that the store belongs to
FILES = ("modelUrl", "mtlUrl", "textureUrl", "glbUrl", "previewImageUrl")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(limited=False) as running:
        for vendor in ("dashscope", "siliconflow", "tencent"):
            running.settings(vendor, duration=0.8)
        yield running


def reached(server: Server, task_id: str, status: str, seconds: float = 40) -> dict[str, Any]:
    def there() -> dict[str, Any] | None:
        task = server.task(task_id)
        assert "FAILED" not in task["status"], (task, server.log)
        return task if task["status"] == status else None

    found = eventually(there, seconds, f"{status}\n{server.log[-4000:]}")
    assert found is not None
    return found


@pytest.mark.parametrize(("image", "prompt", "edition"), PAIRS)
def test_the_whole_flow_with_each_pair(
    image: str, prompt: str, edition: str, emulator: Emulator, tmp_path: Path
) -> None:
    providers = emulator.provider_config(image=image, prompt=prompt, edition=edition)
    with Server(tmp_path, providers=providers, more=DEBUG) as server:
        server.start()
        task = reached(server, server.create(PROMPT)["id"], "IMAGE_COMPLETED")
        check_pictures(server, task, varied=prompt != "none")
        picked = server.request("PATCH", f"/api/v1/tasks/{task['id']}", json={"selectedImageIndex": 1})
        assert picked.status_code == 200
        task = reached(server, task["id"], "COMPLETED")
        check_model(server, task["model"])
        check_money(server, emulator)
        check_store(server)
        assert server.terminate() == 0
        check_secrecy(server, emulator)


@pytest.mark.parametrize(("image", "model3d"), [("siliconflow", "builtin"), ("builtin", "tencent")])
def test_built_in_and_cloud_providers_work_side_by_side(
    image: str, model3d: str, emulator: Emulator, tmp_path: Path
) -> None:
    providers = emulator.provider_config(image=image).replace('model3d = "tencent"', f'model3d = "{model3d}"')
    with Server(tmp_path, providers=providers) as server:
        task = build(server.start(), "a cat")
        assert task["model"]["faceCount"] > 100
        assert emulator.record().bought_twice() == []


def build(server: Server, prompt: str, seconds: float = 40) -> dict[str, Any]:
    """A finished model of the prompt."""
    task = reached(server, server.create(prompt)["id"], "IMAGE_COMPLETED", seconds)
    server.request("PATCH", f"/api/v1/tasks/{task['id']}", json={"selectedImageIndex": 0})
    return reached(server, task["id"], "COMPLETED", seconds)


def check_pictures(server: Server, task: dict[str, Any], *, varied: bool) -> None:
    bodies = {server.get(image["imageUrl"]).content for image in task["images"]}
    assert len(bodies) == 4
    assert {Image.open(io.BytesIO(body)).format for body in bodies} == {"PNG"}
    for image in task["images"]:
        assert max(Image.open(io.BytesIO(server.get(image["thumbnailUrl"]).content)).size) == 512
    assert len({image["imagePrompt"] for image in task["images"]}) == (4 if varied else 1)


def check_model(server: Server, model: dict[str, Any]) -> None:
    for name in FILES:
        assert server.get(model[name]).status_code == 200, name
    scene = trimesh.load(io.BytesIO(server.get(model["glbUrl"]).content), file_type="glb")
    assert next(iter(scene.geometry.values())).visual.material.baseColorTexture is not None
    obj = server.get(model["modelUrl"]).text
    assert f"mtllib {model['mtlUrl'].rpartition('/')[2]}" in obj
    assert model["textureUrl"].rpartition("/")[2] in server.get(model["mtlUrl"]).text
    answer = server.get(f"/api/v1/models/{model['id']}/download", params={"format": "stl", "heightMm": 80})
    solid = trimesh.load(io.BytesIO(answer.content), file_type="stl")
    assert solid.extents[2] == pytest.approx(80, abs=0.1)


def check_money(server: Server, emulator: Emulator) -> None:
    record = emulator.record()
    assert record.bought_twice() == []
    assert record.paid() == 5
    booked = server.query("SELECT operation, price, currency FROM purchase ORDER BY id")
    assert booked == [("image", 2000, "CNY")] * 4 + [("model3d", 15_000, "CNY")]


def check_store(server: Server) -> None:
    """Every file has its row and every row its file."""
    known = {key for (key,) in server.query("SELECT key FROM stored_object WHERE state = 'stored'")}
    root = server.folder / "data" / "objects"
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert found - {MARKER} == known
    assert len(known) == 4 * 2 + 7


def check_secrecy(server: Server, emulator: Emulator) -> None:
    """No key, prompt or signed address in any line, at the most talkative level; no key where none belongs."""
    log = server.log
    assert " debug " in log
    for secret in (ALIYUN_KEY, SILICONFLOW_KEY, TENCENT_ID, TENCENT_KEY, server.token, PROMPT[:21], PROMPT[-12:]):
        assert secret not in log
    for mark in ("Signature=", "q-sign", "Expires=", "X-Amz-", "/files/s/1", "Bearer "):
        assert mark not in log, mark
    assert emulator.record().leaks() == []


def test_a_finished_result_is_seen_soon(emulator: Emulator, tmp_path: Path) -> None:
    """From ready at the vendor to told to the maker: p95 under 1.5 s for pictures."""
    emulator.settings("dashscope", duration=3.0)
    providers = emulator.provider_config()
    with Server(tmp_path, providers=providers, image_concurrency=8) as server:
        server.start()
        tasks = [server.create(f"figure {number}")["id"] for number in range(4)]
        for task_id in tasks:
            reached(server, task_id, "IMAGE_COMPLETED", 60)
        ready = {entry.ticket: entry.ready_at for entry in emulator.record().of(operation="submit") if entry.ready_at}
        told = server.query(
            "SELECT attempt.ticket, attempt.ended_at FROM attempt WHERE outcome = 'completed' AND ticket IS NOT NULL"
        )
        delays = sorted(ended / 1000 - ready[ticket] for ticket, ended in told)
        assert len(delays) == 16
        print(f"ready to visible: median {delays[8]:.2f} s, p95 {delays[15]:.2f} s")
        # 1.5 s on a machine that does nothing else: docs/performance.md
        assert delays[math.ceil(0.95 * len(delays)) - 1] < 8


def test_a_crash_with_tickets_in_flight_buys_nothing_twice(emulator: Emulator, tmp_path: Path) -> None:
    emulator.settings("dashscope", duration=4.0)
    with Server(tmp_path, providers=emulator.provider_config()) as server:
        server.start()
        task = server.create(PROMPT)
        eventually(lambda: len(emulator.record().accepted("dashscope")) == 2, 20, "two orders in flight")
        eventually(
            lambda: server.query("SELECT COUNT(*) FROM job WHERE ticket IS NOT NULL")[0][0] == 2, 5, "two tickets"
        )
        server.kill()
        server.start()
        reached(server, task["id"], "IMAGE_COMPLETED", 60)
        record = emulator.record()
        assert record.bought_twice() == []
        assert record.paid("dashscope") == 4
        assert server.query("SELECT COUNT(*) FROM attempt WHERE outcome = 'doubtful'") == [(0,)]


def test_a_large_model_is_seen_soon(emulator: Emulator, tmp_path: Path) -> None:
    """From ready at the vendor to told to the maker, for a ZIP of 30 MB: under 3 s."""
    emulator.fault("tencent", "fetch", "file", kind="zip-30mb")
    with Server(tmp_path, providers=emulator.provider_config()) as server:
        task = build(server.start(), "a cat")
        ready = next(entry.ready_at for entry in emulator.record().submits("tencent") if entry.ready_at)
        told = server.query("SELECT completed_at FROM model WHERE id = ?", task["model"]["id"])[0][0] / 1000
        print(f"30 MB model ready to visible: {told - ready:.2f} s")
        assert told - ready < 20  # 3 s on a machine that does nothing else: docs/performance.md


HOSTILE_FILES = ["zip-bomb", "zip-without-obj", "zip-many-entries", "zip-broken", "five-million-faces", "empty"]
HOSTILE_ANSWERS = ["huge-length", "endless", "redirect-private", "redirect-metadata", "redirect-file", "redirect-loop"]


def test_hostile_results_end_in_bounded_time_and_memory(emulator: Emulator, tmp_path: Path) -> None:
    with Server(tmp_path, providers=emulator.provider_config()) as server:
        server.start()
        task = reached(server, server.create("a cat")["id"], "IMAGE_COMPLETED")
        worker = server.children()["worker"]
        before = resident_mb(worker)
        for name in HOSTILE_FILES + HOSTILE_ANSWERS:
            options = {"kind": name} if name in HOSTILE_FILES else {}
            emulator.fault("tencent", "fetch", "file" if options else name, times=None, **options)
            picked = server.request("PATCH", f"/api/v1/tasks/{task['id']}", json={"selectedImageIndex": 0})
            assert picked.status_code == 200, "a failed model lets its maker pick again"
            begun = picked.json()["data"]["model"]["generationJob"]["id"]
            found = eventually(lambda: ended(server, task["id"]), 60, name)
            assert found["status"] == "MODEL_FAILED", name
            assert found["model"]["errorMessage"], name
            assert found["model"]["generationJob"]["id"] == begun, "it is this model that failed, not the one before"
            emulator.faults.clear()
        growth = resident_mb(worker) - before
        print(f"worker grew by {growth:.0f} MB over hostile models")
        assert growth < 300
        assert server.children()["worker"] == worker


def resident_mb(pid: int) -> float:
    """The most that the process has ever held (VmHWM of proc_pid_status(5))."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024


def ended(server: Server, task_id: str) -> dict[str, Any] | None:
    task = server.task(task_id)
    return task if task["status"] in ("COMPLETED", "MODEL_FAILED") else None
