"""Real photos, which have no truth: the predicted UV at MediaPipe's landmarks against the places that these have.

MediaPipe was trained on real faces and is 2 to 3 mm off there; a network that disagrees by much more is wrong. One that
sees the landmarks knows what it is asked, so that its agreement says little: what counts is without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
from tqdm import tqdm

from shared.flame.landmarks import FACE_OVAL, outward
from shared.geometry.face_crop import face_crop
from shared.images.decode import Frame, ImageError, load_image
from shared.images.faces import FaceDetector, select
from shared.images.source import InputRef
from teacher.prior.evaluation.figures import Figure, figure
from teacher.prior.evaluation.judge import Predict
from teacher.prior.evaluation.measure import Errors
from teacher.prior.geometry.crops import prior_input
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from teacher.prior.geometry.surface import HeadSurface
from teacher.prior.records import PriorInput, PriorPrediction

FACING = 0.3  # cosine between a landmark's side of the head and the way to the camera from which it counts as visible
_N_FACE = 468  # MediaPipe's points without the irises
WORTH = (
    "With landmarks the network is given what it is asked, so that agreement says little: without is what counts.",
    "MediaPipe itself is 2 to 3 mm off.",
)
ASTRONAUT = "astronaut (scikit-image)"


@dataclass(frozen=True, eq=False)
class JudgedPhoto:
    """One photo with a face. Without landmarks still means a crop that they have placed."""

    id: str
    input: PriorInput
    with_landmarks: PriorPrediction
    without_landmarks: PriorPrediction
    with_mm: Errors  # at the visible landmarks off the face oval
    without_mm: Errors


@dataclass(frozen=True, eq=False)
class PhotoReport:
    """All photos."""

    judged: tuple[JudgedPhoto, ...]
    bad: tuple[tuple[str, str], ...]  # photo and reason
    with_mm: Figure | None
    without_mm: Figure | None

    def record(self) -> dict[str, object]:
        """JSON values: medians of each photo, and the figures of all landmarks together."""
        figures = {"with_landmarks_mm": self.with_mm, "without_landmarks_mm": self.without_mm}
        each = {
            one.id: [found and found.median for found in (figure([one.with_mm]), figure([one.without_mm]))]
            for one in self.judged
        }
        totals = {name: found and asdict(found) for name, found in figures.items()}
        return {"with_and_without_mm": each, "bad": dict(self.bad), **totals}

    def lines(self) -> Iterator[str]:
        """For the terminal."""
        yield f"UV at the visible landmarks of {len(self.judged)} photos, mm on the head"
        yield f"{'':<32}{'landmarks':>10}{'with':>14}{'without':>14}"
        for photo in self.judged:
            found = [figure([errors]) for errors in (photo.with_mm, photo.without_mm)]
            cells = "".join(f"{'-' if one is None else format(one.median, '.2f'):>14}" for one in found)
            yield f"{photo.id:<32}{len(photo.with_mm.error):>10}{cells}"
        for name, value in (("all landmarks, median", "median"), ("mean of the photos' medians", "picture_median")):
            found = [self.with_mm, self.without_mm]
            cells = "".join(f"{'-' if one is None else format(getattr(one, value), '.2f'):>14}" for one in found)
            yield f"{name:<42}{cells}"
        yield from WORTH
        yield from (f"not judged: {name}: {reason}" for name, reason in self.bad)


def readers(refs: Sequence[InputRef]) -> dict[str, Callable[[], Frame]]:
    """What reads each photo, by its name; the astronaut, which comes with scikit-image, is the first."""
    return {ASTRONAUT: _astronaut, **{ref.id: lambda ref=ref: load_image(ref.path, ref.id, ref.index) for ref in refs}}


def judge_photos(
    photos: dict[str, Callable[[], Frame]],
    predict: Predict,
    detector: FaceDetector,
    mapper: LandmarkMapper,
    surface: HeadSurface,
    size: int,
    quiet: bool = False,
) -> PhotoReport:
    """Judge the largest face of each photo; what has none, or cannot be read, is listed.

    Args:
        photos: what reads each of them, by its name.
        predict: the network.
        detector: of the landmarks.
        mapper, surface: of the network's head.
        size: of its crops.
        quiet: no progress bar.
    """
    judged, bad = [], []
    for id, read in tqdm(photos.items(), unit="photo", dynamic_ncols=True, disable=quiet):
        try:
            frame = read()
        except ImageError as error:
            bad.append((id, error.reason))
            continue
        faces = select(detector.detect(frame.image), "largest")
        if not faces:
            bad.append((id, "MediaPipe finds no face"))
            continue
        landmarks = torch.from_numpy(faces[0].landmarks_px)
        inputs = prior_input(frame.image, face_crop(landmarks, size), landmarks, mapper)
        with_landmarks, without = predict([inputs, inputs.without_landmarks()])
        errors = [landmark_errors(one, inputs, mapper, surface) for one in (with_landmarks, without)]
        judged.append(JudgedPhoto(id, inputs, with_landmarks, without, *errors))
    totals = [figure([getattr(one, name) for one in judged]) for name in ("with_mm", "without_mm")]
    return PhotoReport(tuple(judged), tuple(bad), *totals)


def landmark_errors(
    prediction: PriorPrediction, inputs: PriorInput, mapper: LandmarkMapper, surface: HeadSurface
) -> Errors:
    """Millimetres on the head between the UV that is predicted at each visible landmark and the landmark's own.

    Args:
        prediction: with a UV map, without leading dimensions.
        inputs: with landmarks, which the prediction need not have seen.
        mapper, surface: of the head.
    """
    maps = prediction.maps
    assert maps.uv is not None
    rows = visible_landmarks(inputs, mapper)
    size = inputs.image.shape[-1]
    grid = inputs.landmarks_px[rows][None, None] * (2 / size) - 1

    def at_landmarks(values: torch.Tensor) -> torch.Tensor:  # (C, S, S) -> (rows, C)
        return torch.nn.functional.grid_sample(values[None], grid, align_corners=False)[0, :, 0].T

    uv, true = at_landmarks(maps.uv), torch.from_numpy(mapper.uv).float()[rows]
    none = uv.new_zeros(0)
    sigma = none if maps.uv_log_var is None else at_landmarks(torch.exp(maps.uv_log_var / 2)[None])[:, 0]
    sigmas = none if maps.uv_log_var is None else (uv - true).norm(dim=1) / sigma
    return Errors(surface.distance_mm(uv, true), sigmas, sigma, torch.zeros(len(rows), dtype=torch.bool))


def visible_landmarks(inputs: PriorInput, mapper: LandmarkMapper) -> torch.Tensor:
    """(L,) int64 landmarks inside the crop that face the camera by a coarse pose.

    Without those of the face oval, which slide along the silhouette.
    """
    points = inputs.landmarks_px[:_N_FACE]
    size = inputs.image.shape[-1]
    try:
        R_crop_head = mapper.rotation(inputs.landmarks_px.numpy())
    except ValueError:
        return torch.zeros(0, dtype=torch.int64)
    sides = outward(torch.from_numpy(mapper.places_m))
    facing = -(sides @ torch.from_numpy(R_crop_head[2])) > FACING
    inside = ((points > 0) & (points < size)).all(1)
    inner = torch.ones(_N_FACE, dtype=torch.bool)
    inner[list(FACE_OVAL)] = False
    return (facing & inside & inner).nonzero()[:, 0]


def _astronaut() -> Frame:
    from skimage.data import astronaut

    return Frame(astronaut(), ASTRONAUT, ASTRONAUT)
