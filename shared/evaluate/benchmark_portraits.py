"""The synthetic benchmark's portraits with all their truth and the landmarker's landmarks, drawn once a machine.

Drawing one takes a third of a second on a core, reading it back 20 ms. They are kept, without loss, in the user's
folder for caches, by the code that drew them; deleting that folder costs nothing but time.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.evaluate import benchmark
from shared.flame.cache import CACHE_VARIABLE, cache_folder
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets
from shared.runs.files import StorageError
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.storage.arrays import PortraitError
from shared.synthetic.storage.detection import Detect, Detection, landmark_detector
from shared.synthetic.storage.shards import Shard, ShardWriter, shard_path

_FORMAT, _LOSSLESS = "webp", 101  # OpenCV's quality for it
_MADE_BY = ("synthetic", "render", "landmarker")  # packages of shared/, but for
_NOT_MADE_BY = (
    *("shards.py", "arrays.py", "generate.py", "rendered.py"),
    *("own_face.py", "motion.py", "contact_sheet.py", "__main__.py"),
)
_STRIDE = 247  # visits all persons and views evenly, however few of the pictures are taken: 0.618 of 400, odd

log = logging.getLogger(__name__)


class BenchmarkPortraits:
    """Portrait and what the landmarker finds on it, by the number of the picture.

    Args:
        draw: makes a picture.
        detect: finds the landmarks on it.
        folder: to keep them in. One that cannot be written to is done without.
    """

    def __init__(self, draw: Callable[[int], Portrait], detect: Detect, folder: Path) -> None:
        self._draw, self._detect, self._folder = draw, detect, folder

    @staticmethod
    def of(assets: FlameAssets) -> BenchmarkPortraits:
        """Of the open head; others, with FLAME's files, work as far as portraits can be drawn of them."""

        @cache
        def detector() -> Detect:  # takes seconds, and is not needed for what is kept
            return landmark_detector()

        height, width = benchmark.SIZE
        name = f"{benchmark.SEED}-{width}x{height}-{assets.head_id}-{_code_id()}"
        draw = benchmark.portraits_of(FlameModel(assets))
        return BenchmarkPortraits(draw, lambda image: detector()(image), cache_folder() / "benchmark" / name)

    def __getitem__(self, index: int) -> tuple[Portrait, Detection | None]:
        try:
            return self._read(index)
        except PortraitError:
            portrait = self._draw(index)
        writer = ShardWriter(self._folder, _FORMAT, _LOSSLESS, {}, self._detect)
        try:
            writer.write(index, [portrait])
        except StorageError as error:
            log.warning(
                "benchmark pictures are drawn anew each time (%s); %s names another folder", error, CACHE_VARIABLE
            )
            return portrait, self._detect(portrait.image)
        return self._read(index)

    def detect(self, image: np.ndarray) -> Detection | None:
        """What the landmarker finds on another picture (H, W, 3) uint8 RGB."""
        return self._detect(image)

    def prepare(self, indices: Sequence[int], quiet: bool = False) -> None:
        """Draw those that are not kept yet."""
        missing = [index for index in indices if not shard_path(self._folder, index).is_file()]
        for index in tqdm(missing, desc="benchmark", unit="picture", dynamic_ncols=True, disable=quiet or not missing):
            self[index]

    def _read(self, index: int) -> tuple[Portrait, Detection | None]:
        shard = Shard.read(shard_path(self._folder, index))
        return shard.portrait(0), shard.detection(0)


def spread_pictures(count: int | None) -> list[int]:
    """Numbers of ``count`` pictures that stand for all; None: all."""
    total = benchmark.PERSONS * len(benchmark.VIEWS)
    return sorted(step * _STRIDE % total for step in range(total if count is None else min(count, total)))


def _code_id() -> str:
    """Changes with the source that draws and detects, and with the detecting networks."""
    digest = hashlib.sha256()
    root = Path(benchmark.__file__).parents[1]
    for package in _MADE_BY:
        for path in sorted(path for path in (root / package).rglob("*.py") if path.name not in _NOT_MADE_BY):
            digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    for path in sorted((root / "assets").glob("*.onnx")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
