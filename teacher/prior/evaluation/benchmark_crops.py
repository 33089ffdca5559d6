"""The benchmark's pictures as a prior network sees them: detected, cropped as in prediction, each with its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.benchmark_portraits import BenchmarkPortraits, spread_pictures
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.synthetic.scene.portrait import Portrait, PortraitFacts
from shared.synthetic.storage.detection import Detection
from teacher.config import PriorDataConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.initial_heads import StartHeads
from teacher.prior.data.face_view import FaceView
from teacher.prior.data.sample import SampleMaker
from teacher.prior.evaluation.occlusion import cover_face, face_skin
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.records import PriorInput, PriorTarget


@dataclass(frozen=True, eq=False)
class BenchmarkCrop:
    """One picture of the benchmark. Where MediaPipe finds no face, the crop is around the true landmarks."""

    facts: PortraitFacts
    input: PriorInput  # with landmarks if MediaPipe finds them
    target: PriorTarget
    covered: Tensor | None = None  # (S, S) bool, where something was pasted over the face; the target is that below

    @property
    def found(self) -> bool:
        """Whether MediaPipe finds the face."""
        return bool(self.input.has_landmarks)


@dataclass(frozen=True, eq=False)
class BenchmarkCrops(Sequence[BenchmarkCrop]):
    """Crops, made when they are asked for."""

    portraits: BenchmarkPortraits
    maker: SampleMaker
    starts: StartHeads | None  # what the network refines; None: it does not
    indices: tuple[int, ...]  # of the pictures

    @staticmethod
    def of(assets: FlameAssets, network: PriorNetwork, vertices: Tensor | None, count: int | None) -> BenchmarkCrops:
        """As a network takes them.

        Args:
            assets: the head.
            network: for the size of the crops and the frame of the normals.
            vertices: (N,) of the target's points; None: none.
            count: so many pictures, spread over people and views; None: all.
        """
        config = PriorDataConfig(landmark_share=1.0, normals=network.frame)
        maker = SampleMaker.of(assets, config, None, network.size, vertices, network.refines_fit)
        starts = StartHeads.of(FlameModel(assets), maker.views.vertices) if network.refines_fit else None
        return BenchmarkCrops(BenchmarkPortraits.of(assets), maker, starts, tuple(spread_pictures(count)))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> BenchmarkCrop:  # type: ignore[override]
        portrait, detection = self.portraits[self.indices[place]]
        return self._cut(portrait.facts, self._view(portrait, detection))

    def covered(self, place: int, share: float) -> BenchmarkCrop | None:
        """The same picture with a patch over ``share`` of the face's visible skin, and detected anew.

        None if something covers the face already, or it shows no skin.
        """
        portrait, detection = self.portraits[self.indices[place]]
        view = self.maker.views.view(portrait, detection)
        skin = face_skin(view.valid, portrait.truth.landmarks_px)
        if portrait.facts.kind == "occluded" or not skin.any():
            return None
        image, patch = cover_face(portrait.image, skin, share, portrait.facts.index)
        view = self._view(replace(portrait, image=image), self.portraits.detect(image))
        crop = self._cut(portrait.facts, view)
        as_part = replace(view, part=patch.astype(np.uint8))  # cut as parts are
        covered = self._cut(portrait.facts, as_part).target.part == 1
        part = torch.where(covered, int(Part.OCCLUDER), crop.target.part)
        return replace(crop, target=replace(crop.target, part=part), covered=covered)

    def _view(self, portrait: Portrait, detection: Detection | None) -> FaceView:
        view = self.maker.views.view(portrait, detection)
        if self.starts is None or detection is None or view.detected_px is None:
            return view
        face = FaceEvidence(view.detected_px, view.camera, blendshapes=detection.blendshapes)
        return replace(view, fitted=self.starts.fit([face])[0])

    def _cut(self, facts: PortraitFacts, view: FaceView) -> BenchmarkCrop:
        sample = self.maker.cut(view, np.random.default_rng(0), facts.index)  # without augmentation, no chance
        return BenchmarkCrop(facts, sample.input, sample.target)
