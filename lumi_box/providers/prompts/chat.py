"""Four variants of a prompt from any chat service that speaks OpenAI's protocol with JSON output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lumi_box.errors import Refused, Unavailable, UpstreamError
from lumi_box.providers import key_check
from lumi_box.providers.http import Answer, Client
from lumi_box.providers.messages import UNUSABLE_VARIANTS
from lumi_box.providers.prompts.instructions import instruction
from lumi_box.providers.prompts.variants import read_variants
from lumi_box.providers.vendor_errors import Meaning, Told, VendorErrors

TEMPERATURE = 0.9  # the four shall differ
MAX_TOKENS = 3000  # four times 500 Chinese characters, and room: what is cut off is no JSON
PATH = "/chat/completions"


class ChatWriter:
    """`told` reads a vendor's error out of an answer; `errors` says what it means."""

    def __init__(
        self,
        name: str,
        client: Client,
        model: str,
        *,
        key: str | None,
        errors: VendorErrors,
        told: Callable[[Answer], Told],
    ) -> None:
        self.name, self._key = name, key or ""
        self._client, self._model, self._errors, self._told = client, model, errors, told

    def write(self, prompt: str) -> list[str]:
        answer = self._client.call("POST", PATH, json=self._request(prompt))
        if answer.status != 200:
            raise self._error(answer, prompt)
        content, reason = _first_choice(answer)
        if reason == "length":
            raise Unavailable(UNUSABLE_VARIANTS, code="truncated", request_id=answer.request_id)
        if reason == "content_filter":
            text = self._errors.text(Meaning.MODERATED)
            raise Refused(text, code="content_filter", request_id=answer.request_id)
        variants = read_variants(content)
        if variants is None:
            what = f"{len(content)} characters without four different texts"
            raise Refused(UNUSABLE_VARIANTS, code="bad_variants", vendor_text=what, request_id=answer.request_id)
        return variants

    def check(self) -> str:
        probe = {"model": self._model, "messages": []}
        return key_check.ask(self._client, self._model, PATH, probe, self._error)

    def _request(self, prompt: str) -> dict[str, Any]:
        fields = {
            "model": self._model,
            "temperature": TEMPERATURE,
            "max_tokens": MAX_TOKENS,
            "stream": False,
            "response_format": {"type": "json_object"},
            "messages": [
                {"role": "system", "content": instruction(prompt)},
                {"role": "user", "content": prompt},
            ],
        }
        return fields | ({"enable_thinking": False} if thinks_unasked(self._model) else {})

    def _error(self, answer: Answer, prompt: str = "") -> UpstreamError:
        return self._errors.error(self._told(answer), prompt=prompt, keys=(self._key,))


def thinks_unasked(model: str) -> bool:
    """Whether the model thinks unless it is told not to, which JSON mode does not allow. Its fixed kinds refuse the
    switch."""
    name = model.lower()
    return "qwen3" in name and not any(kind in name for kind in ("instruct", "thinking", "coder", "qwen3-max"))


def _first_choice(answer: Answer) -> tuple[str, str]:
    """The text and the reason why it ended; empty where the answer has another shape than the protocol's."""
    body = answer.body if isinstance(answer.body, dict) else {}
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    reason = choice.get("finish_reason")
    return content if isinstance(content, str) else "", reason if isinstance(reason, str) else ""
