"""Pictures by SiliconFlow: one call paints and answers with an address that lasts an hour. There is no task to ask."""

from __future__ import annotations

from typing import Any

from lumi_box.config import Config
from lumi_box.errors import Refused, Unavailable, UpstreamError
from lumi_box.providers import key_check, siliconflow
from lumi_box.providers.base import ImageOrder, Picture, Ready, Ticket
from lumi_box.providers.http import Answer, Client
from lumi_box.providers.images import cloud
from lumi_box.providers.images.cloud import Size
from lumi_box.providers.siliconflow import PICTURE_ERRORS
from lumi_box.providers.vendor_errors import Meaning

SUBMIT = "/images/generations"
KOLORS, QWEN_IMAGE = "Kwai-Kolors/Kolors", "Qwen/Qwen-Image"
SIZES: dict[str, tuple[Size, ...]] = {
    KOLORS: ((1024, 1024), (960, 1280), (768, 1024), (720, 1440), (720, 1280)),
    # 1140 beside 1472 is not a slip of ours: the documentation says so.
    QWEN_IMAGE: ((1328, 1328), (1664, 928), (928, 1664), (1472, 1140), (1140, 1472), (1584, 1056), (1056, 1584)),
}
OPTIONS: dict[str, dict[str, Any]] = {
    KOLORS: {"batch_size": 1, "num_inference_steps": 20, "guidance_scale": 7.5},
    QWEN_IMAGE: {"negative_prompt": cloud.NEGATIVE_PROMPT, "num_inference_steps": 20, "cfg": 4.0},
}


def build(config: Config) -> SiliconflowImages:
    return SiliconflowImages(siliconflow.client(config.providers.siliconflow, name="picture service"), config)


class SiliconflowImages:
    name = "siliconflow"
    metered = True

    def __init__(self, client: Client, config: Config) -> None:
        settings = config.providers.siliconflow
        self._client, self._config, self._model = client, config, settings.image_model
        self._key = settings.api_key or ""
        wanted = cloud.parse_size(settings.size, "x")
        allowed = SIZES.get(self._model)
        self._size = cloud.nearest_size(wanted, allowed, self._model) if allowed else wanted

    def submit(self, order: ImageOrder) -> Ready:
        answer = self._client.call("POST", SUBMIT, json=self._request(order))
        if answer.status == 504 or (answer.status == 502 and answer.body is None):
            raise cloud.lost(answer)  # the gateway gave up waiting; the picture may have been painted, and charged
        if answer.status != 200:
            raise self._error(answer, order.prompt)
        url = _first_url(answer)
        if url is None:
            raise cloud.lost(answer)
        return Ready(url)

    def poll(self, ticket: Ticket) -> Ready:
        """There are no tasks here: such a ticket is another provider's, from before the config was changed."""
        text = PICTURE_ERRORS.text(Meaning.GONE)
        raise Unavailable(text, code="no_such_ticket", ticket_dead=True)

    def fetch(self, ready: Ready) -> Picture:
        try:
            return cloud.bring_home(ready.reference, self._config)
        except Refused as error:
            if error.code != "result_expired":
                raise
            text, reason = PICTURE_ERRORS.text(Meaning.GONE), error.vendor_text
            raise Unavailable(text, code=error.code, vendor_text=reason, ticket_dead=True) from error

    def check(self) -> str:
        return key_check.ask(self._client, self._model, SUBMIT, {"model": self._model}, self._error)

    def _request(self, order: ImageOrder) -> dict[str, Any]:
        width, height = self._size
        fields = {
            "model": self._model,
            "prompt": order.prompt,
            "image_size": f"{width}x{height}",
            "seed": cloud.seed_of(order),
        }
        return fields | OPTIONS.get(self._model, {})

    def _error(self, answer: Answer, prompt: str = "") -> UpstreamError:
        return PICTURE_ERRORS.error(siliconflow.read_error(answer), prompt=prompt, keys=(self._key,))


def _first_url(answer: Answer) -> str | None:
    images = answer.body.get("images") if isinstance(answer.body, dict) else None
    first = images[0] if isinstance(images, list) and images else None
    url = first.get("url") if isinstance(first, dict) else None
    return url if isinstance(url, str) and url else None
