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
from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.guess import Guesser, load_guesser
from shared.images.faces import FaceDetector
from shared.records import concatenate
from shared.runtime import UserError
from teacher.dense_prior import DensePrior
from teacher.evidence import FaceEvidence, FitResult, MapCheck
from teacher.fitter import Case, HeadFitter
from teacher.focal import FocalSearch, with_focal_lengths
from teacher.identity.source import IdentitySource, find_identity
from teacher.observe import ObservedFace, batch_evidence
from teacher.prior.prediction.tools import network_id
from teacher.quality.gate import Failure, Verdict, judge
from teacher.quality.gauges import HeadGauges
from teacher.quality.measures import PosedHead
from teacher.vertex_noise import load_noise

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
        """Where the fit starts, one row a face."""
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
    focal: FocalSearch | None = None  # None: unknown focal lengths stay what they are assumed to be
    identity: IdentitySource | None = None  # None: the mean head is expected
    guesser: Guesser | None = None  # None: fits start from the mean head


@dataclass(frozen=True, eq=False)
class FittedFace:
    """A face, its fit and what the gate says; on the CPU, without leading dimensions."""

    face: ObservedFace
    result: FitResult
    verts_m: Tensor  # (V, 3) posed, world frame
    verdict: Verdict
    confidence: Tensor  # (R,) for each of `FACE_PARTS`, see `PartGauge`
    check: MapCheck | None  # of the network's maps

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

    def __getitem__(self, rows: slice) -> Seen:
        """Some of the faces."""
        return Seen(self.evidence[rows], self.checks[rows])


def build_tools(config: FitRunConfig, device: torch.device) -> Tools:
    """Load the head and the prior, and prepare the fitter. UserError if one of them cannot be used.

    Where all faces are wanted, the detector also looks for small ones beside large ones, which takes longer.
    """
    from shared.landmarker.search import FaceLandmarker

    try:
        model = FlameModel(load_flame(config.flame)).to(device)
        prior = DensePrior.load(config, model, device)
        vertices = None if prior is None else prior.vertices.to(device)
        noise = None if vertices is None else load_noise(config.prior, model, vertices)
        identity = _identity(config, prior, model, device)
        shape, expression = (None, None) if identity is None else (identity.directions, identity.expression_directions)
        fitter = HeadFitter(model, config.fit, vertices, noise, directions=shape, expression_directions=expression)
    except FlameFileError as error:
        raise UserError(str(error)) from error
    except ValueError as error:
        raise UserError(f"flame={config.flame}: {error}") from error
    detector = partial(FaceLandmarker, stills=config.stills, thorough=config.faces == "all")
    focal = FocalSearch(fitter, config.focal) if config.focal.estimate else None
    guesser = load_guesser(config.start, model.assets, device)
    return Tools(model, fitter, prior, HeadGauges.of(model, vertices), detector, device, focal, identity, guesser)


def _identity(
    config: FitRunConfig, prior: DensePrior | None, model: FlameModel, device: torch.device
) -> IdentitySource | None:
    """What ``config.identity`` names. Our networks are trained behind the points of one prior."""
    sees_points = prior is not None and config.correspondences in ("auto", "points")
    prior_id = network_id(prior.predictor.network) if prior is not None and sees_points else None
    return find_identity(config.identity, prior_id, model.assets.to(torch.device("cpu")), device)


def fit_faces(faces: Sequence[ObservedFace], tools: Tools, limits: QualityConfig) -> list[FitOutcome]:
    """Fit a batch and judge each face; `evidence_of` and `fit_seen` in one."""
    return fit_seen(faces, evidence_of(faces, tools), tools, limits) if faces else []


def evidence_of(faces: Sequence[ObservedFace], tools: Tools) -> Seen:
    """What is seen of faces, one a row: landmarks, what the networks say of them, where a fit starts. On the CPU.

    In halves where the GPU's memory does not suffice; UserError if not even for one face.
    """
    evidence, checks = batch_evidence(faces), (None,) * len(faces)
    pictures = [(face.crop_image, evidence.landmarks_px[row], evidence.camera[row]) for row, face in enumerate(faces)]
    try:
        if tools.prior is not None:
            dense, checks = tools.prior.evidence([face.crop_image for face in faces], evidence)
            evidence = replace(evidence, dense=dense)
        if tools.identity is not None:
            person, moment = tools.identity.tell(pictures, evidence)
            evidence = replace(evidence, identity=person, expression=moment)
        if tools.guesser is not None:
            start = tools.guesser([face.crop_image for face in faces], evidence.landmarks_px, evidence.camera)
            evidence = replace(evidence, start=start)
        return Seen(evidence, checks)
    except torch.cuda.OutOfMemoryError as error:
        _require_several(faces, error)
    # Not in the handler: what it holds of the failed call is released only after it.
    torch.cuda.empty_cache()
    first, second = (evidence_of(half, tools) for half in _halves(faces))
    return Seen(concatenate([first.evidence, second.evidence]), first.checks + second.checks)


def fit_seen(faces: Sequence[ObservedFace], seen: Seen, tools: Tools, limits: QualityConfig) -> list[FitOutcome]:
    """Fit a batch and judge each face. A face that breaks the solver breaks no other: the batch is halved until it is
    alone. So it is where the GPU's memory does not suffice; UserError if not even for one face.
    """
    try:
        located, evidence = with_focal_lengths(faces, seen.evidence.to(tools.device), tools.focal)
        return [*judged(located, replace(seen, evidence=evidence), tools.fitter.fit(evidence), tools, limits)]
    except torch.cuda.OutOfMemoryError as error:
        _require_several(faces, error)
    except (RuntimeError, ValueError) as error:  # torch's linear algebra raises RuntimeError
        if len(faces) == 1:
            logger.warning("%s: the fit broke down: %s", faces[0].id, error)
            return [UnfittedFace(faces[0])]
    torch.cuda.empty_cache()
    middle = len(faces) // 2
    first, second = _halves(faces)
    return fit_seen(first, seen[:middle], tools, limits) + fit_seen(second, seen[middle:], tools, limits)


def judged(
    faces: Sequence[ObservedFace], seen: Seen, result: FitResult, tools: Tools, limits: QualityConfig
) -> list[FittedFace]:
    """Fits, one a row, with their meshes and what the gate says of them."""
    result = result.detach()
    with torch.no_grad():
        posed = tools.model(result.params)
    result, posed, evidence = result.to("cpu"), posed.to("cpu"), seen.evidence.to("cpu")
    fitted = []
    for row, (face, check) in enumerate(zip(faces, seen.checks, strict=True)):
        one, head = result[row], PosedHead(posed.verts_m[row], posed.joints_m[row])
        verdict = judge(face, one, head, tools.gauges, limits, check)
        right, left = (evidence.landmarks_px[row, corner] for corner in OUTER_EYE_CORNERS)
        dense = None if evidence.dense is None else evidence.dense[row]
        camera = one.camera.warped(face.crop.inverse_affine(), face.camera.size)
        confidence = tools.gauges.parts.confidence(head.verts_m, camera, dense, float((right - left).norm()))
        fitted.append(FittedFace(face, one, head.verts_m, verdict, confidence, check))
    return fitted


def _halves(faces: Sequence[ObservedFace]) -> tuple[Sequence[ObservedFace], Sequence[ObservedFace]]:
    return faces[: len(faces) // 2], faces[len(faces) // 2 :]


def _require_several(faces: Sequence[ObservedFace], error: torch.cuda.OutOfMemoryError) -> None:
    if len(faces) == 1:
        raise UserError("the GPU's memory does not suffice for one face: end what uses it, or device=cpu") from error
    half = len(faces) // 2
    logger.warning("%d faces are too many for the GPU's memory, batch_size=%d would be faster", len(faces), half)
