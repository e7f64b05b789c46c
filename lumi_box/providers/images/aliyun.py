"""Pictures by Alibaba Cloud Model Studio (DashScope): Qwen-Image and Wan, through its asynchronous tasks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from lumi_box.config import Config
from lumi_box.errors import Refused, Unavailable, UpstreamError
from lumi_box.providers.base import ImageOrder, Pending, Picture, Ready, Ticket
from lumi_box.providers.http import Answer, Client
from lumi_box.providers.images import cloud
from lumi_box.providers.images.aliyun_errors import ERRORS
from lumi_box.providers.images.cloud import Size
from lumi_box.providers.messages import LOST_PICTURE
from lumi_box.providers.vendor_errors import Meaning, Told, told

SUBMIT = "/services/aigc/text2image/image-synthesis"
OVER = ("FAILED", "CANCELED", "UNKNOWN")  # UNKNOWN: never heard of, another account's, or older than 24 hours

QWEN_SIZES = ((1328, 1328), (1664, 928), (1472, 1104), (1104, 1472), (928, 1664))
WAN_SIDES = (512, 1440)
WAN25_SIDE, WAN25_PIXELS = 1280, (1280**2, 1440**2)
QWEN_CHARACTERS, WAN25_CHARACTERS, WAN_CHARACTERS = 800, 2000, 500


def build(config: Config) -> AliyunImages:
    settings = config.providers.aliyun
    client = Client(
        settings.endpoint,
        timeout_seconds=settings.timeout_seconds,
        headers={"Authorization": f"Bearer {settings.api_key}"},
        vendor="aliyun",
        name="picture service",
    )
    return AliyunImages(client, config)


class AliyunImages:
    name = "aliyun"
    metered = True

    def __init__(self, client: Client, config: Config) -> None:
        settings = config.providers.aliyun
        self._client, self._config, self._model = client, config, settings.model
        self._key = settings.api_key or ""
        self._size = size_for(settings.model, cloud.parse_size(settings.size, "*"))

    def submit(self, order: ImageOrder) -> Ticket:
        answer = self._client.call("POST", SUBMIT, json=self._request(order), headers={"X-DashScope-Async": "enable"})
        if answer.status in (502, 504) and answer.body is None:
            raise cloud.lost(answer)  # a gateway's word, not the vendor's: nobody knows how far the order came
        if answer.status != 200:
            raise self._error(answer, order.prompt)
        ticket = _output(answer).get("task_id")
        if not isinstance(ticket, str) or not ticket:
            raise cloud.lost(answer)
        return Ticket(ticket)

    def poll(self, ticket: Ticket) -> Pending | Ready:
        answer = self._client.call("GET", f"/tasks/{quote(ticket.id, safe='')}")
        if answer.status != 200:
            raise self._error(answer)
        output = _output(answer)
        status = output.get("task_status")
        if status == "SUCCEEDED":
            return _result(answer, output)
        if status in OVER:
            raise _ended(answer, output.get("code") or status, output.get("message"))
        if not status:
            raise Unavailable(LOST_PICTURE, code="bad_answer", request_id=answer.request_id)
        return Pending()

    def fetch(self, ready: Ready) -> Picture:
        try:
            return cloud.bring_home(ready.reference, self._config)
        except Refused as error:
            if error.code != "result_expired":
                raise
            # The next poll brings a new address; after 24 hours it says that the task is not known any more.
            raise Unavailable(str(error), code=error.code, vendor_text=error.vendor_text) from error

    def cancel(self, ticket: Ticket) -> bool:
        """Only a task that has not begun can be stopped."""
        answer = self._client.call("POST", f"/tasks/{quote(ticket.id, safe='')}/cancel")
        if answer.status == 200:
            return True
        body = answer.body if isinstance(answer.body, dict) else {}
        if answer.status == 400 and body.get("code") == "UnsupportedOperation":
            return False
        raise self._error(answer)

    def check(self) -> str:
        """A task that cannot exist is asked for: free of charge, and answered UNKNOWN to a key that is accepted."""
        answer = self._client.call("GET", f"/tasks/{uuid.uuid4()}")
        if answer.status != 200:
            raise self._error(answer)
        if not _output(answer).get("task_status"):
            raise Unavailable(LOST_PICTURE, code="bad_answer", request_id=answer.request_id)
        return f"Alibaba Cloud Model Studio answers and accepts the key; pictures are painted by {self._model}."

    def _request(self, order: ImageOrder) -> dict[str, Any]:
        width, height = self._size
        prompt = cloud.fitted_prompt(order.prompt, characters_for(self._model))
        return {
            "model": self._model,
            "input": {"prompt": prompt, "negative_prompt": cloud.NEGATIVE_PROMPT},
            "parameters": {
                "size": f"{width}*{height}",
                "n": 1,  # left out, Wan paints four, at four times the price
                "seed": cloud.seed_of(order),
                "prompt_extend": False,  # the prompt is painted as the maker, or our own variants, put it
                "watermark": False,
            },
        }

    def _error(self, answer: Answer, prompt: str = "") -> UpstreamError:
        body = answer.body if isinstance(answer.body, dict) else {}
        return ERRORS.error(told(answer, body.get("code"), body.get("message")), prompt=prompt, keys=(self._key,))


def size_for(model: str, wanted: Size) -> Size:
    """What the model can paint that is nearest to what is configured; models of other families take any size."""
    if model.startswith("qwen-image"):
        return cloud.nearest_size(wanted, QWEN_SIZES, model)
    if model.startswith("wan2.5"):
        width, height = wanted
        fits = WAN25_PIXELS[0] <= width * height <= WAN25_PIXELS[1] and 1 / 4 <= width / height <= 4
        return wanted if fits else cloud.nearest_size(wanted, [(WAN25_SIDE, WAN25_SIDE)], model)
    if model.startswith("wan"):
        smallest, largest = WAN_SIDES
        clamped = tuple(min(max(side, smallest), largest) for side in wanted)
        return cloud.nearest_size(wanted, [(clamped[0], clamped[1])], model)
    return wanted


def characters_for(model: str) -> int:
    """How much of a prompt the model reads. For Wan before 2.5 the documentation says 500 and 800: 500 is safe."""
    if model.startswith("qwen-image"):
        return QWEN_CHARACTERS
    return WAN25_CHARACTERS if model.startswith("wan2.5") else WAN_CHARACTERS


def _result(answer: Answer, output: dict[str, Any]) -> Ready:
    """The first entry with an address. Some entries of a task that succeeded may be errors instead, even all."""
    entries = list(_entries(output))
    for entry in entries:
        if isinstance(entry.get("url"), str) and entry["url"]:
            return Ready(entry["url"])
    for entry in entries:
        if entry.get("code"):
            raise _ended(answer, entry["code"], entry.get("message"))
    text = ERRORS.text(Meaning.GONE)
    raise Unavailable(text, code="no_result", request_id=answer.request_id, ticket_dead=True)


def _ended(answer: Answer, code: object, message: object) -> UpstreamError:
    """The task is over without a picture: whoever wants one has to order it anew."""
    words = message if isinstance(message, str) else ""
    found = Told(str(code), words, 200, answer.request_id)
    return ERRORS.error(found, prompt=_prompts(answer), ticket_dead=True)


def _prompts(answer: Answer) -> str:
    """What a task tells of the prompt that it was ordered with: all that a poll knows of it."""
    output = _output(answer)
    entries = (output, *_entries(output))
    return "\n".join(
        str(entry[name]) for entry in entries for name in ("orig_prompt", "actual_prompt") if name in entry
    )


def _entries(output: dict[str, Any]) -> Iterator[dict[str, Any]]:
    results = output.get("results")
    return (entry for entry in (results if isinstance(results, list) else ()) if isinstance(entry, dict))


def _output(answer: Answer) -> dict[str, Any]:
    output = answer.body.get("output") if isinstance(answer.body, dict) else None
    return output if isinstance(output, dict) else {}
