"""Pictures are decoded and searched for faces in threads, while others are fitted."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shared.config import ObserveConfig
from shared.images.decode import InputError
from shared.images.faces import FaceDetector
from shared.images.source import InputRef, iter_frames
from teacher.observation.face import ObservedFace, observe


@dataclass(frozen=True, eq=False)
class Observation:
    """What was found in one frame of one input."""

    id: str  # of the picture, or the input if it cannot be read
    faces: tuple[ObservedFace, ...]
    problem: str | None = None  # why the input cannot be read
    last: bool = False  # nothing more of this input follows; carries no frame


class ObservationStream:
    """Frames and their faces, in the order of the inputs whatever the number of threads. Use as a context.

    Each thread has a detector of its own; a slow consumer holds the threads back, so that memory stays bounded.
    """

    def __init__(
        self, detector: Callable[[], FaceDetector], config: ObserveConfig, threads: int = 1, ahead: int = 32
    ) -> None:
        self._make_detector = detector
        self._config = config
        self._ahead = ahead
        self._pool = ThreadPoolExecutor(threads, "observe")
        self._local = threading.local()
        self._stopped = threading.Event()

    def __enter__(self) -> ObservationStream:
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __call__(self, refs: Sequence[InputRef]) -> Iterator[Observation]:
        """Observe the inputs; after those of each input comes one that says ``last``."""
        waiting: deque[queue.Queue[Observation | BaseException]] = deque()
        todo = iter(refs)
        for _ in refs:
            while len(waiting) < self._ahead and (ref := next(todo, None)) is not None:
                channel: queue.Queue[Observation | BaseException] = queue.Queue(self._ahead)
                self._pool.submit(self._work, ref, channel)
                waiting.append(channel)
            channel = waiting.popleft()
            while True:
                item = channel.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
                if item.last:
                    break

    def _work(self, ref: InputRef, channel: queue.Queue[Observation | BaseException]) -> None:
        try:
            if not hasattr(self._local, "detector"):
                self._local.detector = self._make_detector()
            for item in observe_input(ref, self._local.detector, self._config):
                if not self._put(channel, item):
                    return
            self._put(channel, Observation(ref.id, (), last=True))
        except BaseException as error:  # a detector that cannot be built ends the run, in the consumer's thread
            self._put(channel, error)

    def _put(self, channel: queue.Queue[Observation | BaseException], item: Observation | BaseException) -> bool:
        while not self._stopped.is_set():
            try:
                channel.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False


def observe_input(ref: InputRef, detector: FaceDetector, config: ObserveConfig) -> Iterator[Observation]:
    """Frames of one input and their faces. It never raises for a bad file: that is an observation with a problem."""
    try:
        for frame in iter_frames(ref, config.frame_step):
            yield Observation(frame.id, tuple(observe(frame, detector, config)))
    except InputError as error:
        yield Observation(ref.id, (), problem=error.reason)
    except MemoryError:
        yield Observation(ref.id, (), problem="not enough memory to work on it")
    except Exception as error:  # one input never ends the run
        yield Observation(ref.id, (), problem=f"unexpected {type(error).__name__}: {error}")
