"""SiliconFlow pictures: one synchronous call, error bodies of four shapes, addresses that live for an hour."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from emulators.error_rows import SILICONFLOW as ERROR_ROWS
from emulators.faults import Fault
from emulators.files import Made
from emulators.jobs import Course, Window
from emulators.journal import digest
from emulators.pictures import one_of, picture
from emulators.results import ResultStore
from emulators.wire import JSON, Answer, Reply, Request, json_answer, new_id

__all__ = ["ERROR_ROWS", "SiliconFlow", "SiliconFlowSettings"]

KOLORS, QWEN = "Kwai-Kolors/Kolors", "Qwen/Qwen-Image"
EDIT = ("Qwen/Qwen-Image-Edit", "Qwen/Qwen-Image-Edit-2509")
SIZES = {
    KOLORS: ("1024x1024", "960x1280", "768x1024", "720x1440", "720x1280"),
    QWEN: ("1328x1328", "1664x928", "928x1664", "1472x1140", "1140x1472", "1584x1056", "1056x1584"),
}
RANGES = {"seed": (0, 9_999_999_999), "num_inference_steps": (1, 100), "guidance_scale": (0, 20), "cfg": (0.1, 20)}


@dataclass(slots=True)
class SiliconFlowSettings:
    """`duration` is how long the call takes. `images_per_minute`: 2 at the vendor's lowest level, None: no limit.
    `lifetime` is that of the result's address. `distinct_pictures`: paint so many and no more, for tests of load."""

    duration: float = 0.3
    images_per_minute: int | None = None
    lifetime: float = 3600.0
    distinct_pictures: int | None = None


class Refusal(Exception):
    """`body` is what the vendor answers, in one of its shapes."""

    def __init__(self, status: int, body: object, code: int | str = "") -> None:
        super().__init__(str(body))
        self.status, self.body, self.code = status, body, code


def coded(status: int, code: int, message: str) -> Refusal:
    return Refusal(status, {"code": code, "message": message, "data": None}, code)


def check_bearer(request: Request, key: str) -> None:
    """SiliconFlow answers a wrong key with a bare JSON string."""
    if request.bearer is None or not secrets.compare_digest(request.bearer.encode(), key.encode()):
        raise Refusal(401, "Invalid token")


class SiliconFlow:
    name = "siliconflow"

    def __init__(self, key: str, store: ResultStore) -> None:
        self.settings = SiliconFlowSettings()
        self._key, self._store = key, store
        self._minute = Window(60.0)

    def operation(self, request: Request) -> str | None:
        if request.path == "/v1/images/generations" and request.method == "POST":
            return "submit"
        return None

    def identify(self, request: Request) -> dict[str, str]:
        try:
            body = request.object()
        except ValueError:
            return {}
        prompt = str(body.get("prompt"))
        order = f"{body.get('model')}|{prompt}|{body.get('seed')}|{body.get('image_size')}"
        return {"order": digest(order), "prompt": digest(prompt)}

    def answer(self, operation: str, request: Request, fault: Fault | None) -> Reply:
        notes: dict[str, Any] = dict(self.identify(request))
        course = (fault.course if fault else None) or Course()
        try:
            check_bearer(request, self._key)
            reply = self._paint(_read(request), course, notes)
        except Refusal as refusal:
            reply = Reply(json_answer(refusal.body, refusal.status), notes | {"code": str(refusal.code)})
        reply.answer.headers["x-siliconcloud-trace-id"] = f"ti_{secrets.token_hex(8)}"
        return reply

    def _paint(self, body: dict[str, Any], course: Course, notes: dict[str, Any]) -> Reply:
        count = body.get("batch_size", 1) if body["model"] == KOLORS else 1
        if not self._minute.admit(self.settings.images_per_minute, count):
            message = "Request was rejected due to rate limiting. Details:IPM limit reached."
            raise Refusal(429, {"message": message, "data": None})
        seed = body.get("seed", secrets.randbelow(9_999_999_999))
        duration = self.settings.duration if course.duration is None else course.duration
        ticket = new_id()
        images = [{"url": self._address(body, seed, index, ticket)} for index in range(count)]
        content = {
            "images": images,
            "timings": {"inference": round(duration, 3)},
            "seed": seed,
            "data": images,
            "created": int(time.time()),
            "shared_id": "0",
        }
        notes |= {"ticket": ticket, "accepted": True, "paid": count, "ready_at": time.time() + duration}
        answer = json_answer(content)
        answer.delay = duration
        return Reply(answer, notes)

    def _address(self, body: dict[str, Any], seed: int, index: int, ticket: str) -> str:
        words = one_of(f"{body['prompt']}|{seed}|{index}", self.settings.distinct_pictures)
        width, height = (int(side) for side in body["image_size"].split("x"))
        made = Made(f"{digest(words)}_00001_.png", "image/png", lambda: picture(words, width, height))
        path = self._store.put(self.name, "fetch", made, ticket=ticket)
        return self._store.sign(path, time.time() + self.settings.duration + self.settings.lifetime)


class SiliconFlowElsewhere:
    """Every other path under /v1 is not there, in plain text."""

    name = "siliconflow"

    def operation(self, request: Request) -> str | None:
        return "unknown-path" if request.path.startswith("/v1/") else None

    def identify(self, request: Request) -> dict[str, str]:
        return {}

    def answer(self, operation: str, request: Request, fault: Fault | None) -> Reply:
        return Reply(Answer(404, b"404 page not found", "text/plain"))


def _read(request: Request) -> dict[str, Any]:
    """The order, with what it does not say filled in."""
    if request.media_type != JSON:
        raise coded(400, 20015, "The content type is invalid.")
    try:
        body = request.object()
    except ValueError:
        raise coded(400, 20015, "The body is invalid JSON.") from None
    model = body.get("model")
    if model not in (*SIZES, *EDIT):
        raise coded(400, 20012, "Model does not exist. Please check it carefully.")
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise _wrong("prompt")
    if model in EDIT and not body.get("image"):
        raise _wrong("image")
    sizes = SIZES.get(model, SIZES[QWEN])
    if body.setdefault("image_size", sizes[0]) not in sizes:
        raise _wrong("image_size")
    _check_numbers(body)
    return body


def _check_numbers(body: dict[str, Any]) -> None:
    for name, (low, high) in RANGES.items():
        value = body.get(name)
        if value is not None and (not _number(value) or not low <= value <= high):
            raise _wrong(name)
    batch = body.get("batch_size", 1)
    if not isinstance(batch, int) or isinstance(batch, bool) or not 1 <= batch <= 4:
        raise _wrong("batch_size")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(name: str) -> Refusal:
    return coded(400, 20015, f"The parameter is invalid. Please check it carefully: {name}.")
