from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from shared.runs.prefetch import ahead


def test_items_keep_their_order_through_stages() -> None:
    with ahead(range(50), 3) as first, ahead(2 * item for item in first) as second:
        assert list(second) == list(range(0, 100, 2))


def test_a_stage_works_while_the_next_one_does_and_no_farther_than_it_may() -> None:
    """Without overlap this would wait for ever: the second item is drawn while the first is in hand."""
    drawn, beyond = threading.Event(), threading.Event()

    def numbers() -> Iterator[int]:
        yield 0
        drawn.set()
        yield 1
        yield 2
        beyond.set()  # only when the third has found room

    with ahead(numbers(), 1) as items:
        assert next(items) == 0
        assert drawn.wait(10)
        assert not beyond.wait(0.3)
        assert [*items] == [1, 2]


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()])
def test_what_a_stage_raises_arrives_after_what_it_gave(error: BaseException) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise error

    taken = []
    with pytest.raises(type(error)), ahead(broken()) as first, ahead(first) as second:
        taken.extend(second)
    assert taken == [1]


def test_leaving_early_stops_the_threads() -> None:
    before = threading.active_count()
    endless = iter(int, 1)
    with ahead(endless) as first, ahead(first) as second:
        assert next(second) == 0
    assert threading.active_count() == before
