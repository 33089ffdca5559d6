"""Where training samples come from: stored portraits, portraits rendered on the way, registered scans, or a mixture."""

from __future__ import annotations

import bisect
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from shared.config import SyntheticConfig
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets
from shared.runs.errors import UserError
from shared.synthetic.generate import build_studio
from shared.synthetic.rendered import RenderedPortraits
from shared.synthetic.storage.arrays import PortraitError
from shared.synthetic.storage.detection import Detect, landmark_detector
from shared.synthetic.storage.shards import StoredPortraits
from shared.training.samples import BadSample
from teacher.config import PriorTrainConfig
from teacher.prior.data.face_view import FaceView, SampleError
from teacher.prior.data.landmark_fits import LandmarkFits, landmark_fits
from teacher.prior.data.portrait_view import PortraitViews
from teacher.prior.data.sample import SampleMaker
from teacher.prior.data.scans import ScannedFaces
from teacher.prior.geometry.fitted_head import FittedHead
from teacher.prior.records import PriorSample

log = logging.getLogger(__name__)
_ENDLESS = 2**40  # portraits of a rendered series


class Faces(Protocol):
    """One source of views. Must be picklable."""

    def __len__(self) -> int: ...

    def view(self, index: int, epoch: int) -> FaceView:
        """PortraitError or SampleError if this one cannot be used."""
        ...

    def name(self, index: int) -> str:
        """What it is called in messages."""
        ...


class Source(Dataset[PriorSample | BadSample]):
    """Samples of several sources, one after the other.

    Item ``epoch * len + i`` is sample ``i`` as it is varied in that epoch. It depends on nothing but these two and the
    seed, so that a run that was stopped sees the same when it goes on.
    """

    def __init__(self, faces: Sequence[Faces], maker: SampleMaker, seed: int) -> None:
        self.faces, self.maker, self.seed = tuple(faces), maker, seed
        self._ends = list(accumulate(len(one) for one in faces))
        self._ready = False
        # Forked workers would inherit OpenCV's pool without its threads, and wait for them for ever.
        cv2.setNumThreads(1)

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> PriorSample | BadSample:
        self._prepare_worker()
        epoch, place = divmod(index, len(self))
        number = bisect.bisect_right(self._ends, place)
        faces = self.faces[number]
        row = place - (self._ends[number] - len(faces))
        try:
            return self.maker.cut(faces.view(row, epoch), np.random.default_rng((self.seed, epoch, place)), index)
        except (PortraitError, SampleError) as error:
            return BadSample(index, f"{faces.name(row)}: {error}")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_ready": False}

    def _prepare_worker(self) -> None:
        if not self._ready and get_worker_info() is not None:
            torch.set_num_threads(1)
        self._ready = True


@dataclass(frozen=True, eq=False)
class StoredFaces:
    """The portraits of a folder."""

    folder: Path
    portraits: StoredPortraits
    views: PortraitViews
    fits: LandmarkFits | None  # None: the network is shown none
    model: FlameModel

    def __len__(self) -> int:
        return len(self.portraits)

    def view(self, index: int, epoch: int) -> FaceView:
        """The same in each epoch."""
        portrait = self.portraits[index]
        view = self.views.view(portrait, self.portraits.detection(index))
        fit = None if self.fits is None or view.detected_px is None else self.fits.of(index, view.camera)
        return view if fit is None else replace(view, fitted=FittedHead.of(self.model, *fit))

    def name(self, index: int) -> str:
        """Folder and number."""
        return f"portrait {index} of {self.folder}"


class RenderedFaces:
    """``count`` new portraits an epoch, and what MediaPipe finds on them."""

    def __init__(self, portraits: RenderedPortraits, count: int, views: PortraitViews) -> None:
        self.portraits, self.count, self.views = portraits, count, views
        self._detect: Detect | None = None

    def __len__(self) -> int:
        return self.count

    def view(self, index: int, epoch: int) -> FaceView:
        """Portrait ``epoch * count + index`` of the series."""
        if self._detect is None:
            self._detect = landmark_detector()
        portrait = self.portraits[epoch * self.count + index]
        return self.views.view(portrait, self._detect(portrait.image))

    def name(self, index: int) -> str:
        """Series and number."""
        return f"rendered portrait {index} of the epoch, series {self.portraits.seed}"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_detect": None}


def build_source(config: PriorTrainConfig, vertices: Tensor | None, assets: FlameAssets | None = None) -> Source:
    """All samples of a run.

    Args:
        config: of the run.
        vertices: (N,) of the head, whose pixels are trained; None: none.
        assets: the head, where it is loaded already; otherwise that of ``config.flame``.

    UserError if a folder cannot be used, or if there is nothing to train on.
    """
    try:
        head = load_flame(config.flame) if assets is None else assets
        size = config.compact.size if config.family == "compact" else config.vit.size
        fitted = config.family == "compact" and config.compact.start == "fit"
        maker = SampleMaker.of(head, config.data, config.augment, size, vertices, fitted)
    except ValueError as error:
        raise UserError(str(error)) from error
    faces: list[Faces] = [_stored(Path(folder), head, maker.views, fitted) for folder in config.data.portraits]
    n_points = len(maker.views.vertices)
    faces += [ScannedFaces.open(Path(folder), head.head_id, n_points) for folder in config.data.scans]
    if config.data.rendered:
        faces.append(_rendered(config, size, maker.views))
    if not faces:
        raise UserError("nothing to train on: give data.portraits=[FOLDER], data.scans=[FOLDER] or data.rendered=N")
    return Source(faces, maker, config.seed)


def _stored(folder: Path, head: FlameAssets, views: PortraitViews, fitted: bool) -> StoredFaces:
    try:
        portraits = StoredPortraits(folder)
    except PortraitError as error:
        raise UserError(str(error)) from error
    if portraits.head_id != head.head_id:
        raise UserError(f"{folder} holds portraits of the head {portraits.head_id}, the run's head is {head.head_id}")
    if not any("detected" in shard.tensors for shard in portraits.shards):
        log.warning("%s holds no landmarks, so none are shown: make portraits with landmarks=true", folder)
    model = FlameModel(head)
    detected = any(bool(shard.tensors.get("detected", torch.zeros(1)).any()) for shard in portraits.shards)
    fits = landmark_fits(folder, portraits, model) if fitted and detected else None
    return StoredFaces(folder, portraits, views, fits, model)


def _rendered(config: PriorTrainConfig, size: int, views: PortraitViews) -> RenderedFaces:
    options = SyntheticConfig(
        out="", size=size, makehuman_assets=config.data.makehuman_assets, flame=config.flame, device="cpu"
    )
    make_studio = partial(build_studio, options)
    make_studio()  # what is wrong with the options should be known now, not in a worker
    return RenderedFaces(
        RenderedPortraits(make_studio, config.data.rendered_seed, _ENDLESS), config.data.rendered, views
    )
