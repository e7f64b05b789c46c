"""How an answer goes wrong on its way: each returns what to do with the channel and the answer that was due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulators import files
from emulators.wire import Answer, Channel

Act = Callable[[Channel, Answer], None]
GIBIBYTE = 1 << 30


def instead(other: Answer) -> Act:
    return lambda channel, answer: channel.send(other)


def reset() -> Act:
    return lambda channel, answer: channel.reset()


def hang() -> Act:
    """Never answers; ends when the emulator does."""

    def act(channel: Channel, answer: Answer) -> None:
        channel.hang_up()
        channel.rest()

    return act


def late(seconds: float) -> Act:
    def act(channel: Channel, answer: Answer) -> None:
        if not channel.rest(seconds):
            channel.send(answer)

    return act


def drip(interval: float = 1.0) -> Act:
    """One byte of the body at a time."""

    def act(channel: Channel, answer: Answer) -> None:
        body = answer.content()
        channel.send_head(answer, len(body))
        for offset in range(len(body)):
            if channel.rest(interval):
                return
            channel.write(body[offset : offset + 1])

    return act


def cut_short() -> Act:
    """The full length is announced and the connection ends half way."""

    def act(channel: Channel, answer: Answer) -> None:
        body = answer.content()
        channel.send_head(answer, len(body))
        channel.write(body[: len(body) // 2])

    return act


def truncated() -> Act:
    """Half the body as if it were all of it: sound HTTP, broken content."""

    def act(channel: Channel, answer: Answer) -> None:
        body = answer.content()
        answer.body = body[: len(body) // 2]
        channel.send(answer)

    return act


def relabelled(content_type: str = "text/html; charset=utf-8") -> Act:
    def act(channel: Channel, answer: Answer) -> None:
        answer.content_type = content_type
        channel.send(answer)

    return act


def huge(length: int = GIBIBYTE) -> Act:
    """Announces so many bytes and sends them, as long as someone reads: the true content, then zeros."""

    def act(channel: Channel, answer: Answer) -> None:
        body = answer.content()
        channel.send_head(answer, length)
        channel.write(body)
        _zeros(channel, length - len(body))

    return act


def endless(length: int = 4 * GIBIBYTE) -> Act:
    """Announces no length at all, and sends without end (well, 4 GiB)."""

    def act(channel: Channel, answer: Answer) -> None:
        answer.body = (b"\0" * 65536 for _ in range(length // 65536) if not channel.closing.is_set())
        channel.hang_up()
        channel.send(answer)

    return act


def redirect(to: str, status: int = 302) -> Act:
    return instead(Answer(status, b"", "text/plain", {"Location": to}))


def redirect_loop() -> Act:
    return lambda channel, answer: redirect(f"{channel.base}/loop")(channel, answer)


def redirect_chain(hops: int = 10) -> Act:
    """So many redirects in all, and then the very answer that was due."""

    def act(channel: Channel, answer: Answer) -> None:
        station = f"/hop/{hops - 1}" if hops > 1 else ""
        redirect(f"{channel.base}{station}{channel.request.target}")(channel, answer)

    return act


def other_file(kind: str, **options: Any) -> Act:
    """Another file in the place of the one that was asked for: a name of files.py."""

    def act(channel: Channel, answer: Answer) -> None:
        made = files.make(kind, "other", **options)
        channel.send(Answer(200, made.body(), made.content_type))

    return act


def _zeros(channel: Channel, count: int) -> None:
    block = bytes(65536)
    while count > 0 and not channel.closing.is_set():
        channel.write(block[: min(count, len(block))])
        count -= len(block)
