from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from shared.images.decode import Frame
from shared.images.video import VideoError
from student.live.capture import Capture
from tests.student.live.scenes import frames_of


def test_every_frame_of_a_file_in_order_however_slow_the_consumer() -> None:
    with Capture(iter(frames_of(30))) as capture:
        numbers = []
        for one in capture:
            numbers.append(one.frame.index)
            if one.frame.index < 5:
                time.sleep(0.01)
    assert numbers == list(range(30))
    assert capture.dropped == 0
    assert capture.error is None


def test_of_a_camera_the_newest_frame_wins() -> None:
    allowed = threading.Event()

    def camera() -> Iterator[Frame]:
        frames = frames_of(12)
        yield from frames[:1]
        allowed.wait(60)
        yield from frames[1:11]
        done.set()
        stop.wait(60)
        yield frames[11]

    done, stop = threading.Event(), threading.Event()
    numbers = []
    with Capture(camera(), newest=True) as capture:
        for one in capture:
            numbers.append(one.frame.index)
            if one.frame.index == 0:
                allowed.set()  # while this frame is worked on, ten others come
                assert done.wait(60)
                time.sleep(0.05)
                stop.set() if len(numbers) > 1 else None
            else:
                stop.set()
    assert numbers[0] == 0
    assert numbers[1] == 10
    assert capture.dropped == 9


def test_a_cut_is_not_lost_with_a_dropped_frame() -> None:
    frames = frames_of(4)
    dark = [Frame(np.zeros_like(f.image), f.id, f.path, f.time_s, None, f.index) for f in frames]
    bright = [Frame(np.full_like(f.image, 255), f.id, f.path, f.time_s, None, 4 + f.index) for f in frames]
    with Capture(iter(dark + bright), newest=True) as capture:
        capture._thread.join(60)  # all frames have come, the last one waits
        assert [(one.frame.index, one.starts_shot) for one in capture] == [(7, True)]
    with Capture(iter(dark + bright)) as capture:
        assert [one.frame.index for one in capture if one.starts_shot] == [0, 4]


def test_what_was_read_before_a_failure_is_given() -> None:
    def broken() -> Iterator[Frame]:
        yield from frames_of(3)
        raise VideoError("clip.mp4", "frame 3 cannot be decoded: the file is damaged")

    with Capture(broken()) as capture:
        assert [one.frame.index for one in capture] == [0, 1, 2]
    assert capture.error is not None
    assert "frame 3" in capture.error.reason


def test_a_bug_in_the_source_is_no_end_of_the_clip() -> None:
    def broken() -> Iterator[Frame]:
        yield from frames_of(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Capture(broken()) as capture:
        list(capture)


def test_a_camera_that_hangs_is_given_up() -> None:
    release = threading.Event()

    def silent() -> Iterator[Frame]:
        yield from frames_of(1)
        release.wait(60)

    with Capture(silent(), newest=True, stalled_s=0.05) as capture:
        assert len(list(capture)) == 1
        release.set()
    assert capture.error is not None
    assert "no frame for" in capture.error.reason


def test_leaving_early_stops_the_reader() -> None:
    with Capture(iter(frames_of(200))) as capture:
        for one in capture:
            if one.frame.index == 3:
                break
    assert not capture._thread.is_alive()
    assert capture.read < 20
