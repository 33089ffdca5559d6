"""The benchmark's pictures with their truth and everything a fit may see of them, made once for all variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from tqdm import tqdm

from shared.evaluate.benchmark_portraits import BenchmarkPortraits, spread_pictures
from shared.evaluate.faces import FaceMesh, skin_samples
from shared.evaluate.metrics import FaceError
from shared.evaluate.protocol import Reconstruction
from shared.evaluate.score import score_picture
from shared.evaluate.truth_set import BenchmarkItem
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.meshes import vertex_normals
from shared.images.decode import Frame
from shared.records.tensor_record import stack
from shared.synthetic.scene.portrait import Portrait
from teacher.config import FitRunConfig, LookupConfig
from teacher.evidence.correspondence import in_uv_map, nearest_in_uv_map
from teacher.evidence.records import DenseEvidence, FaceEvidence
from teacher.evidence.silhouette import silhouette
from teacher.identity.protocol import IdentitySource
from teacher.observation.face import ObservedFace, observed_face
from teacher.pipeline.dense_prior import DensePrior
from teacher.prior.evaluation.occlusion import cover_face, face_skin

Source = Literal["points", "uv map", "nearest", "exact"]  # of the dense evidence


@dataclass(frozen=True, eq=False)
class Subject:
    """One picture."""

    item: BenchmarkItem
    params: FlameParams  # true
    camera: Camera  # of the picture
    face: ObservedFace  # under the true camera
    dense: dict[Source, DenseEvidence]  # without leading dimensions
    predicted: FaceEvidence | None  # by the identity network, from the points; None without one

    @property
    def is_neutral(self) -> bool:
        """Whether the picture shows no expression."""
        return self.item.facts["kind"] == "neutral"

    def evidence(self, source: Source | None, with_identity: bool) -> FaceEvidence:
        """One row less its leading dimension; None: landmarks alone. ``with_identity``: of the identity network."""
        bare = replace(self.face.evidence(), dense=None if source is None else self.dense[source])
        if not with_identity or self.predicted is None:
            return bare
        return replace(bare, identity=self.predicted.identity, expression=self.predicted.expression)


class Subjects:
    """Makes them. Pictures without a detected face are left out."""

    def __init__(
        self, prior: DensePrior, identity: IdentitySource | None, model: FlameModel, config: FitRunConfig
    ) -> None:
        self.prior, self.identity, self.model, self.config = prior, identity, model, config
        self.portraits = BenchmarkPortraits.of(model.assets)
        self.samples = skin_samples(model.assets)
        self.vertices = prior.vertices

    def all(self, count: int | None, covered: float = 0.0) -> list[Subject]:
        """``count`` pictures, spread over people and views; with a patch over a share of the face where asked."""
        indices = spread_pictures(count)
        self.portraits.prepare(indices)
        made = (self._subject(index, covered) for index in tqdm(indices, desc="looking", unit="picture"))
        return [one for one in made if one is not None]

    def _subject(self, index: int, covered: float) -> Subject | None:
        portrait, detection = self.portraits[index]
        if covered:
            skin = face_skin((portrait.truth.depth_m > 0).numpy(), portrait.truth.landmarks_px)
            if portrait.facts.kind == "occluded" or not skin.any():
                return None
            image, _ = cover_face(portrait.image, skin, covered, portrait.facts.index)
            portrait, detection = replace(portrait, image=image), self.portraits.detect(image)
        if detection is None:
            return None
        truth = portrait.truth
        camera = replace(
            Camera.at_origin(truth.camera.focal_px[0], truth.camera.size),
            focal_px=truth.camera.focal_px,
            center_px=truth.camera.center_px,
        )
        face = observed_face(Frame(portrait.image, str(index), path=""), detection.landmarks_px, self.config)
        face = replace(face, camera=camera, blendshapes=detection.blendshapes)
        item = BenchmarkItem.of(portrait, self.model, self.samples)
        dense = self._look(face, portrait)
        return Subject(item, truth.params, truth.camera, face, dense, self._output(face, dense["points"]))

    def _output(self, face: ObservedFace, points: DenseEvidence) -> FaceEvidence | None:
        if self.identity is None:
            return None
        predicted = stack([replace(face.evidence(), dense=points)])
        person, moment = self.identity.predict(
            [(face.crop_image, predicted.landmarks_px[0], predicted.camera[0])], predicted
        )
        return replace(predicted, identity=person, expression=moment)[0]

    def _look(self, face: ObservedFace, portrait: Portrait) -> dict[Source, DenseEvidence]:
        seen = face.evidence()
        crop, prediction = self.prior.look(face.crop_image, seen)
        view = self.prior.head.view(seen.landmarks_px, seen.camera, crop)
        looked_up = prediction.maps, self.prior.charts, crop, seen.camera, LookupConfig(), view
        contour = silhouette(prediction.maps, view, crop)
        found: dict[Source, DenseEvidence] = {
            "points": self.prior.correspond(prediction, crop, view, seen.camera),
            "uv map": in_uv_map(*looked_up),
            "nearest": nearest_in_uv_map(*looked_up),
        }
        dense: dict[Source, DenseEvidence] = {source: replace(one, contour=contour) for source, one in found.items()}
        dense["exact"] = exact(portrait, self.vertices, self.model, seen.camera)
        return dense

    def score(self, subject: Subject, verts_m: Tensor, shape: Tensor) -> dict[str, FaceError]:
        """Errors of a posed mesh (V, 3) and of the neutral head of its codes (S,), by task."""
        assets = self.model.assets
        with torch.no_grad():
            neutral = self.model(replace(self.model.neutral_params(), shape=shape)).verts_m
        found = Reconstruction(FaceMesh.of_head(verts_m, assets), FaceMesh.of_head(neutral, assets))
        tasks = score_picture(found.checked(), subject.item.truth).tasks
        return {name: score.by_landmarks for name, score in tasks.items()}


def exact(portrait: Portrait, vertices: Tensor, model: FlameModel, camera: Camera) -> DenseEvidence:
    """What a prior without error would say: where vertices (N,) are, which way they face, which are seen."""
    with torch.no_grad():
        verts = model(portrait.truth.params).verts_m
    seen = portrait.truth.vertex_visible[vertices]
    std = torch.where(seen, 0.0, torch.inf)
    return DenseEvidence(camera.project(verts[vertices]), std, vertex_normals(verts, model.faces)[vertices], std)


def batch(subjects: Sequence[Subject], source: Source | None, with_identity: bool = False) -> FaceEvidence:
    """Evidence of several pictures, one a row."""
    return stack([subject.evidence(source, with_identity) for subject in subjects])
