"""An evaluation on real heads with all it leaves behind: results.json, table.txt and a contact sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets
from shared.geometry.crop import Crop
from shared.geometry.face_crop import R_crop_camera, face_crop
from shared.images.faces import FaceDetector, select
from shared.landmarker.search import FaceLandmarker
from shared.runs.errors import UserError
from shared.runs.files import write_json, write_text
from shared.runs.provenance import git_sha
from shared.synthetic.own_face import is_own_face
from teacher.config import PriorEvaluateConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.initial_heads import StartHeads
from teacher.prior.evaluation.judge import Predict, batches
from teacher.prior.evaluation.real_figures import RealGroup, RealRow, summarise
from teacher.prior.evaluation.real_score import PredictedMaps
from teacher.prior.evaluation.real_set import RealPicture, RealPictures
from teacher.prior.evaluation.real_table import lines
from teacher.prior.geometry.crops import fitted_input, prior_input
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.networks.weights import Prior
from teacher.prior.prediction.pictures import photo
from teacher.prior.prediction.predictor import Predictor
from teacher.prior.prediction.sheets import sheet_row, write_sheet
from teacher.prior.records import PriorInput, PriorPrediction

SCHEMA = "pixel3dmm-distill/prior-on-real-heads/1"
_WAYS = {"with landmarks": False, "without landmarks": True}  # whether they are hidden
_SHEET = 16  # pictures on it


@dataclass(frozen=True, eq=False)
class RealCrop:
    """A picture as the network sees it."""

    picture: RealPicture
    crop: Crop
    input: PriorInput
    found: bool  # by the landmarker; else the crop is around the true landmarks


@dataclass(frozen=True, eq=False)
class RealEvaluation:
    """A finished one."""

    judged: Mapping[str, Sequence[RealGroup]]  # by the names in `_WAYS`
    laid: Sequence[RealGroup]  # the head laid on the scans
    files: tuple[Path, ...]

    def lines(self) -> Iterator[str]:
        """For the terminal and table.txt."""
        yield from lines(self.judged, self.laid)


def run_on_real_heads(prior: Prior, config: PriorEvaluateConfig, device: torch.device) -> RealEvaluation:
    """Judge a network and write what was found. UserError, StorageError: something the user can put right."""
    out, assets = Path(config.out), load_flame(config.flame)
    own = _head_of(prior, assets)
    kept = out / "truth" if config.truth is None else Path(config.truth)
    pictures = RealPictures.of(assets, Path(config.path or ""), config.part, kept, config.first)
    predict = Predictor(prior, config.batch_size, config.flip, device, own).predict
    detector, network = FaceLandmarker(), prior.network
    starts = StartHeads.of(FlameModel(own), _vertices(network)) if network.refines_fit else None
    mapper = LandmarkMapper.of(own)
    rows: dict[str, list[RealRow]] = {name: [] for name in _WAYS}
    laid, sheet = [], []
    shown = max(1, len(pictures) // _SHEET)
    with tqdm(total=len(pictures), unit="picture", dynamic_ncols=True) as bar:
        for places in batches(range(len(pictures)), config.batch_size):
            crops = [cut(pictures[place], detector, starts or mapper, network.size) for place in places]
            for name, hide in _WAYS.items():
                found = predict_crops(predict, crops, hide)
                for crop, one in zip(crops, found, strict=True):
                    maps = predicted_maps(one, crop, prior.network.vertices)
                    score = pictures.judge.score(crop.picture.truth, maps)
                    rows[name].append(RealRow(crop.picture.id, crop.picture.facts, crop.found, score))
                sheet += [
                    sheet_row(photo(crop.input.image), one.maps, _part(one), f"{crop.picture.id}, {name}")
                    for place, crop, one in zip(places, crops, found, strict=True)
                    if place % shown == 0 and hide
                ]
            laid += [
                RealRow(one.picture.id, one.picture.facts, True, pictures.judge.laid_head(one.picture.truth))
                for one in crops
            ]
            bar.update(len(places))
    done = RealEvaluation({name: summarise(some) for name, some in rows.items()}, summarise(laid), ())
    record = {
        "schema": SCHEMA,
        "set": pictures.pictures.id,
        "pictures": len(pictures),
        "found": sum(row.found for row in rows["with landmarks"]),
        "head_id": assets.head_id,
        "config": asdict(config),
        "git_sha": git_sha(),
        "weights": prior.header,
        "judged": {name: [asdict(group) for group in groups] for name, groups in done.judged.items()},
        "laid_head": [asdict(group) for group in done.laid],
    }
    files = (
        write_json(out / "results.json", record),
        write_text(out / "table.txt", "\n".join(done.lines()) + "\n"),
        write_sheet(out / "real_heads.jpg", sheet[:_SHEET], columns=2),
    )
    return RealEvaluation(done.judged, done.laid, files)


def cut(picture: RealPicture, detector: FaceDetector, start: LandmarkMapper | StartHeads, size: int) -> RealCrop:
    """The crop of a prediction, around the detected landmarks, with what the network starts from."""
    faces = select(detector.detect(picture.image), "largest")
    landmarks = torch.from_numpy(faces[0].landmarks_px) if faces else None
    if landmarks is not None and not is_own_face(landmarks, picture.outline_px):
        landmarks = None
    crop = face_crop(picture.outline_px if landmarks is None else landmarks, size)
    if isinstance(start, LandmarkMapper):
        given = prior_input(picture.image, crop, landmarks, start)
    elif landmarks is None:
        given = fitted_input(crop.sample(picture.image), None, None, torch.zeros(len(start.vertices), 2))
    else:
        blendshapes = faces[0].blendshapes
        known = None if blendshapes is None else torch.from_numpy(blendshapes)
        face = FaceEvidence(landmarks, picture.camera, blendshapes=known)
        (given,) = start.inputs([face], [crop], [picture.image])
    return RealCrop(picture, crop, given, landmarks is not None)


def predict_crops(predict: Predict, crops: Sequence[RealCrop], hide_landmarks: bool) -> list[PriorPrediction]:
    """One prediction each."""
    return list(predict([crop.input.without_landmarks() if hide_landmarks else crop.input for crop in crops]))


def predicted_maps(prediction: PriorPrediction, crop: RealCrop, vertices: torch.Tensor | None) -> PredictedMaps:
    """As the judge takes them; ``vertices`` (N,) are those of the prediction's points.

    Normals in the head's frame are turned by the true pose.
    """
    maps, truth, points = prediction.maps, crop.picture.truth, prediction.points
    shown = maps.normal if maps.normal is not None else maps.uv
    scale = 1.0 if shown is None else shown.shape[-1] / crop.crop.size[1]
    normal = maps.normal
    if normal is not None and maps.frame != "camera":
        to_camera = truth.R_cam_head if maps.frame == "head" else R_crop_camera(crop.picture.camera, crop.crop).T
        normal = torch.einsum("ij,jhw->ihw", to_camera.to(normal), normal)
    return PredictedMaps(
        affine=crop.crop.affine * scale,
        normal=normal,
        uv=maps.uv,
        points_px=None if points is None else crop.crop.invert(points.pixel_px),
        vertices=None if points is None or vertices is None else vertices.cpu(),
    )


def _vertices(network: PriorNetwork) -> torch.Tensor:
    return torch.zeros(0, dtype=torch.int64) if network.vertices is None else network.vertices


def _head_of(prior: Prior, assets: FlameAssets) -> FlameAssets:
    """The head that is judged, if the network was trained on it. UserError else."""
    if prior.head_id == assets.head_id:
        return assets
    raise UserError(
        f"the weights speak of head {prior.head_id}, and {assets.name} is {assets.head_id}: give flame=, the head they "
        "were trained on"
    )


def _part(prediction: PriorPrediction) -> torch.Tensor | None:
    logits = prediction.maps.part_logits
    return None if logits is None else logits.argmax(0)
