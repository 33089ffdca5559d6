"""The heavy objects of a fit: head model, fitter, detector. Built once a process, replaced in tests."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from shared.config import FitRunConfig, QualityConfig
from shared.flame.assets import load_flame
from shared.flame.errors import FlameFileError
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.images.faces import FaceDetector
from shared.runtime import UserError
from teacher.dense_prior import DensePrior
from teacher.evidence import FaceEvidence, FitResult, MapCheck
from teacher.fitter import Case, HeadFitter
from teacher.observe import ObservedFace, batch_evidence
from teacher.quality.gate import Failure, Verdict, judge
from teacher.quality.gauges import HeadGauges
from teacher.quality.measures import PosedHead

logger = logging.getLogger(__name__)


class Fitter(Protocol):
    """Anything that fits faces, as `HeadFitter` does."""

    def fit(self, evidence: FaceEvidence) -> FitResult:
        """One row a face."""
        ...

    def fit_together(self, evidence: FaceEvidence, case: Case) -> FitResult:
        """One row a picture, of persons and moments that they share."""
        ...

    def first_guess(self, evidence: FaceEvidence) -> FlameParams:
        """The mean head at a first pose, one row a face."""
        ...


@dataclass(frozen=True)
class Tools:
    """What turns pictures into fits."""

    model: FlameModel
    fitter: Fitter
    prior: DensePrior | None  # None: landmarks are all that is seen
    gauges: HeadGauges  # of the model
    detector: Callable[[], FaceDetector]  # a new one, for one thread
    device: torch.device


@dataclass(frozen=True, eq=False)
class FittedFace:
    """A face, its fit and what the gate says; on the CPU, without leading dimensions."""

    face: ObservedFace
    result: FitResult
    verts_m: Tensor  # (V, 3) posed, world frame
    verdict: Verdict
    check: MapCheck | None = None  # of the network's maps

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why there is no label; empty if there is one."""
        return self.verdict.failures

    @property
    def camera(self) -> Camera:
        """The fitted camera of the full picture."""
        return self.result.camera.warped(self.face.crop.inverse_affine(), self.face.camera.size)

    @property
    def is_finite(self) -> bool:
        """Whether there is a mesh to draw."""
        return bool(torch.isfinite(self.verts_m).all())


@dataclass(frozen=True, eq=False)
class UnfittedFace:
    """A face on which the solver broke down."""

    face: ObservedFace
    failures: tuple[Failure, ...] = (Failure("fit broke down", "the solver could not work with this face"),)


FitOutcome = FittedFace | UnfittedFace


@dataclass(frozen=True)
class Seen:
    """What is seen of a batch of faces, one a row."""

    evidence: FaceEvidence
    checks: tuple[MapCheck | None, ...]  # None: no network looked at the face


def build_tools(config: FitRunConfig, device: torch.device) -> Tools:
    """Load the head and the prior, and prepare the fitter. UserError if one of them cannot be used.

    Where all faces are wanted, the detector also looks for small ones beside large ones, which takes longer.
    """
    from shared.images.mediapipe_faces import MediaPipeFaces  # takes seconds to import

    try:
        model = FlameModel(load_flame(config.flame)).to(device)
        prior = DensePrior.load(config, model, device)
        vertices = None if prior is None else prior.vertices.to(device)
        fitter = HeadFitter(model, config.fit, vertices)
    except FlameFileError as error:
        raise UserError(str(error)) from error
    except ValueError as error:
        raise UserError(f"flame={config.flame}: {error}") from error
    detector = partial(MediaPipeFaces, thorough=config.faces == "all")
    return Tools(model, fitter, prior, HeadGauges.of(model), detector, device)


def fit_faces(faces: Sequence[ObservedFace], tools: Tools, limits: QualityConfig) -> list[FitOutcome]:
    """Fit a batch and judge each face. A face that breaks the solver breaks no other."""
    if not faces:
        return []
    try:
        return [*_fit_batch(faces, tools, limits)]
    except (RuntimeError, ValueError) as error:  # torch's linear algebra raises RuntimeError
        if len(faces) == 1:
            logger.warning("%s: the fit broke down: %s", faces[0].id, error)
            return [UnfittedFace(faces[0])]
        return [outcome for face in faces for outcome in fit_faces([face], tools, limits)]


def evidence_of(faces: Sequence[ObservedFace], tools: Tools) -> Seen:
    """What is seen of faces, one a row: landmarks, and what the prior says of them. On the CPU."""
    evidence = batch_evidence(faces)
    if tools.prior is None:
        return Seen(evidence, (None,) * len(faces))
    pictures = [(face.crop_image, evidence.landmarks_px[row], evidence.camera[row]) for row, face in enumerate(faces)]
    dense, checks = tools.prior.evidence(pictures)
    return Seen(replace(evidence, dense=dense), checks)


def _fit_batch(faces: Sequence[ObservedFace], tools: Tools, limits: QualityConfig) -> list[FittedFace]:
    seen = evidence_of(faces, tools)
    return judged(faces, seen.checks, tools.fitter.fit(seen.evidence.to(tools.device)), tools, limits)


def judged(
    faces: Sequence[ObservedFace],
    checks: Sequence[MapCheck | None],
    result: FitResult,
    tools: Tools,
    limits: QualityConfig,
) -> list[FittedFace]:
    """Fits, one a row, with their meshes and what the gate says of them."""
    result = result.detach()
    with torch.no_grad():
        posed = tools.model(result.params)
    result, posed = result.to("cpu"), posed.to("cpu")
    fitted = []
    for row, (face, check) in enumerate(zip(faces, checks, strict=True)):
        head = PosedHead(posed.verts_m[row], posed.joints_m[row])
        verdict = judge(face, result[row], head, tools.gauges, limits, check)
        fitted.append(FittedFace(face, result[row], posed.verts_m[row], verdict, check))
    return fitted
