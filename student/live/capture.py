"""Frames, read ahead in a thread of their own: all of a file in order, of a camera the newest."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from shared.images.cuts import CutFinder
from shared.images.decode import Frame, InputError
from shared.images.video import VideoError

_AHEAD = 4  # frames of a file, at most
_STALLED_S = 10.0  # a camera that is silent for so long is taken to be gone
_CUT_STRIDE = 4  # cuts show in every fourth pixel too


@dataclass(frozen=True, eq=False)
class Captured:
    """A frame, when it was there, and what came before it."""

    frame: Frame
    starts_shot: bool  # this frame, or one that was dropped before it
    at_s: float  # of time.perf_counter

    @property
    def time_s(self) -> float:
        """Since the start of the clip or camera."""
        return self.frame.time_s or 0.0


class Capture:
    """Reads frames in a thread of its own. Use as a context, and iterate once.

    What was read before an input fails is still given; the iteration then ends and ``error`` says why.
    """

    def __init__(
        self, frames: Iterator[Frame], newest: bool = False, paced: bool = False, stalled_s: float = _STALLED_S
    ) -> None:
        """Of any frames.

        Args:
            frames: the source.
            newest: frames that are not taken in time are dropped and counted; else the source waits.
            paced: give each frame at its time and not before, as a camera would.
            stalled_s: the source of a camera may be silent for so long.
        """
        self.error: InputError | None = None
        self.dropped, self.read = 0, 0
        self._newest, self._paced, self._stalled_s = newest, paced, stalled_s
        self._waiting: deque[Captured] = deque()
        self._change = threading.Condition()
        self._ended, self._closed = False, False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._read, args=(frames,), name="capture", daemon=True)

    def __enter__(self) -> Capture:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop reading; a driver that hangs is left behind."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join(timeout=2.0)

    def __iter__(self) -> Iterator[Captured]:
        while True:
            with self._change:
                if not self._change.wait_for(lambda: self._waiting or self._ended, self._stalled_s):
                    self.error = VideoError("", f"no frame for {self._stalled_s:.0f} s")
                    return
                if not self._waiting:
                    break
                one = self._waiting.popleft()
                self._change.notify_all()
            yield one
        if self._failure is not None:
            raise self._failure

    def _read(self, frames: Iterator[Frame]) -> None:
        cuts, start_s = CutFinder(), time.perf_counter()
        try:
            for frame in frames:
                starts_shot = cuts(frame.image[::_CUT_STRIDE, ::_CUT_STRIDE])
                if self._paced:
                    time.sleep(max(0.0, start_s + (frame.time_s or 0.0) - time.perf_counter()))
                if not self._offer(Captured(frame, starts_shot, time.perf_counter())):
                    break
        except InputError as error:
            self.error = error
        except BaseException as error:
            self._failure = error
        finally:
            with self._change:
                self._ended = True
                self._change.notify_all()

    def _offer(self, one: Captured) -> bool:
        """Put a frame where it can be taken; False if nobody takes any more."""
        with self._change:
            if self._newest and self._waiting:
                one = replace(one, starts_shot=self._waiting.pop().starts_shot or one.starts_shot)
                self.dropped += 1
            self._change.wait_for(lambda: self._closed or len(self._waiting) < _AHEAD)
            self._waiting.append(one)
            self.read += 1
            self._change.notify_all()
            return not self._closed
