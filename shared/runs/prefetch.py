"""Stages of work that overlap: each in a thread of its own, a little ahead of the next."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_END = object()
_LOOK_S = 0.1  # how often a stage that waits for room looks whether anyone still wants its items


@contextlib.contextmanager
def ahead(items: Iterable[Item], depth: int = 1) -> Iterator[Iterator[Item]]:
    """The items, in their order, drawn in a thread that keeps ``depth`` of them ready at most.

    What drawing raises is raised here, also KeyboardInterrupt. At the end of the block the thread is stopped and waited
    for; it finishes the item that it works on.
    """
    ready: queue.Queue[object] = queue.Queue(depth)
    stopped, failed = threading.Event(), []

    def put(item: object) -> bool:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=_LOOK_S)
                return True
        return False

    def draw() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:
            failed.append(error)
        put(_END)

    def taken() -> Iterator[Item]:
        while (item := ready.get()) is not _END:
            yield item  # type: ignore[misc]
        if failed:
            raise failed[0]

    thread = threading.Thread(target=draw, name="ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stopped.set()
        thread.join()
