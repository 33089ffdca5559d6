"""How near the fitted heads are to the truth, in millimetres.

    python benchmarks/landmark_accuracy.py heads=50 seed=21 pictures=true

Random identities, expressions and poses with yaw up to 60 degrees; the focal length is known. Four kinds of evidence:
exact landmarks, landmarks with correlated noise of 3 % of the eye distance, MediaPipe's landmarks on renders
(``pictures``), and all vertices. Millimetres are mean distances of corresponding face vertices after rigid alignment:
``posed`` with the expression of the picture, ``neutral`` the identity alone. Seed 7 measured the detector and seed 8
chose the weights; other seeds are fresh.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import torch
from command_line import read_options
from scenes import Scenes, correlated_noise_px, face_error_mm, random_scenes
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.crop import Crop
from shared.landmarker.search import FaceLandmarker
from shared.synthetic.heads import HeadPainter
from teacher.config import FitConfig
from teacher.evidence.records import FaceEvidence, FitResult
from teacher.fitting.fitter import HeadFitter
from teacher.registration.mesh import fit_vertices

DEFAULTS = {"heads": "50", "seed": "21", "pictures": "true"}
# A detector without noise; every code that moves a landmark is fitted.
EXACT = FitConfig(landmark_noise=1.0, basis_tolerance_m=1e-5, expression_tolerance_m=1e-5)
EXACT_STD, NOISY_STD = 2e-4, 0.03  # of the distance of the outer eye corners


def neutral_verts(model: FlameModel, shape: Tensor) -> Tensor:
    """(N, V, 3) the identity alone."""
    return model(replace(model.neutral_params(len(shape)), shape=shape)).verts_m


def report(name: str, model: FlameModel, params: FlameParams, scenes: Scenes, keep: list[int]) -> None:
    """One line of millimetres."""
    truth = scenes.params[keep]
    posed = face_error_mm(model, model(params).verts_m, scenes.verts_m[keep])
    neutral = face_error_mm(model, neutral_verts(model, params.shape), neutral_verts(model, truth.shape))
    print(f"{name:34s} posed {posed.mean():.3f} (median {posed.median():.3f})  neutral {neutral.mean():.3f} mm", end="")


def report_fit(name: str, model: FlameModel, result: FitResult, scenes: Scenes, keep: list[int]) -> None:
    """The same with what the pictures show."""
    report(name, model, result.params, scenes, keep)
    error, eyes = 100 * result.landmark_error, 1e3 * result.eye_distance_m
    print(f"  2D {error.mean():.3f} % (max {error.max():.3f})  eyes {eyes.mean():.1f} +- {eyes.std():.1f} mm")


def detected(model: FlameModel, scenes: Scenes, seed: int) -> tuple[FaceEvidence, list[int]]:
    """MediaPipe's landmarks on the same heads, rendered, as the dataset run would see them; which heads were found."""
    painter, detector = HeadPainter(model), FaceLandmarker()
    found = [detector.detect(painter(seed, index).image) for index in range(len(scenes.verts_m))]
    keep = [index for index, faces in enumerate(found) if faces]
    landmarks = torch.stack([torch.as_tensor(found[index][0].landmarks_px) for index in keep])
    crop = Crop.around(landmarks, 512, 1.7)
    return FaceEvidence(crop.apply(landmarks), scenes.camera[keep].warped(crop.affine, crop.size)), keep


def main(options: dict[str, str]) -> None:
    """Print the table."""
    heads, seed = int(options["heads"]), int(options["seed"])
    model = FlameModel(load_flame())
    scenes = random_scenes(model, heads, seed)
    every = list(range(heads))
    count = scenes.landmarks_px.shape[1]
    report("mean head", model, model.neutral_params(heads), scenes, every)
    print()
    exact = FaceEvidence(scenes.landmarks_px, scenes.camera)
    fitted = HeadFitter(model, EXACT, landmark_noise=LandmarkNoise.independent(count, EXACT_STD)).fit(exact)
    report_fit("exact landmarks", model, fitted, scenes, every)
    noisy = FaceEvidence(scenes.landmarks_px + correlated_noise_px(model, scenes, 0.03, seed), scenes.camera)
    known = HeadFitter(model, FitConfig(), landmark_noise=LandmarkNoise.independent(count, NOISY_STD))
    report_fit("3 % noise", model, known.fit(noisy), scenes, every)
    if options["pictures"] == "true":
        evidence, keep = detected(model, scenes, seed)
        report_fit(
            f"MediaPipe on {len(keep)} renders", model, HeadFitter(model, FitConfig()).fit(evidence), scenes, keep
        )
    few = Scenes(scenes.params[:8], scenes.camera[:8], scenes.verts_m[:8], scenes.landmarks_px[:8])
    report("all vertices (8 heads)", model, fit_vertices(model, few.verts_m), few, every[:8])
    print()


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
