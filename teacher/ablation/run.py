"""What each part of the fit is worth: the paper's ablations, in millimetres on the synthetic benchmark."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.landmarks import N_MEDIAPIPE
from shared.runs.files import write_json, write_text
from shared.runs.provenance import git_sha
from teacher.ablation.subjects import Source, Subject, Subjects, batch
from teacher.config import AblationConfig, DenseConfig, FitConfig, SolverConfig
from teacher.evidence.vertex_noise import load_noise
from teacher.fitting.fitter import HeadFitter

SCHEMA = "pixel3dmm-distill/ablation/1"
EXACT_STD = 0.1  # of landmarks beside exact maps, which decide
_NOTHING = float("inf")  # as a standard deviation
_NO_LANDMARKS = 1e4  # as a factor of their noise; an infinite one would leave fields of errors undefined
# What evidence without noise deserves, and the coefficients that it can resolve.
_EXACT = DenseConfig(
    stride=1, pixel_std=2e-4, pixel_bias_std=0.0, normal_bias_std=0.0, normal_turn_std=0.0, normal_std=0.05
)
_EXACT_TOLERANCE_M = 1e-5
_EXACT_SOLVER = SolverConfig(max_steps=60, tolerance=1e-5)


@dataclass(frozen=True)
class Variant:
    """A fit that lacks something, or has it otherwise."""

    name: str
    source: Source | None = "points"  # of the dense evidence; None: there is none
    landmarks: bool = True
    pixels: bool = True
    normals: bool = True
    silhouette: bool = True
    with_identity: bool = False  # what the identity network says of shape and expression
    shape_std: float | None = None  # instead of the configured one
    covered: float = 0.0  # share of the face under a patch

    def config(self, fit: FitConfig) -> FitConfig:
        """The fit's options for this variant: what is left out has an infinite deviation."""
        if self.source == "exact":
            fit = replace(fit, dense=_EXACT, basis_tolerance_m=_EXACT_TOLERANCE_M, solver=_EXACT_SOLVER)
        dense = replace(
            fit.dense,
            pixel_std=fit.dense.pixel_std if self.pixels else _NOTHING,
            normal_std=fit.dense.normal_std if self.normals else _NOTHING,
            contour_std=fit.dense.contour_std if self.silhouette else _NOTHING,
        )
        return replace(
            fit,
            dense=dense,
            landmark_noise=fit.landmark_noise if self.landmarks else _NO_LANDMARKS,
            shape_std=fit.shape_std if self.shape_std is None else self.shape_std,
        )


WITH_IDENTITY = "and identity"  # where there is a network that predicts it
VARIANTS = (
    Variant("landmarks only", source=None),
    Variant("pixels of vertices only", landmarks=False, normals=False, silhouette=False),
    Variant("normals only (landmarks for the pose)", pixels=False, silhouette=False),
    Variant("pixels and normals", landmarks=False, silhouette=False),
    Variant("pixels, normals, landmarks", silhouette=False),
    Variant("and the silhouette"),
    Variant(WITH_IDENTITY, with_identity=True),
    Variant("the default, no prior on the shape", shape_std=10.0, with_identity=True),
    Variant("the default, from the UV map", source="uv map", with_identity=True),
    Variant("the default, nearest pixels of it", source="nearest", with_identity=True),
    Variant("landmarks only, 30 % covered", source=None, covered=0.3),
    Variant("the default, 30 % covered", covered=0.3, with_identity=True),
    Variant("exact evidence", source="exact", landmarks=False),
)


@dataclass(frozen=True)
class Row:
    """Means over the pictures."""

    variant: str
    pictures: int
    posed_l1_mm: float
    posed_l2_mm: float
    neutral_l1_mm: float
    neutral_l2_mm: float
    neutral_pictures_l1_mm: float | None  # of the neutral head, on pictures without expression
    ms: float  # of the fit alone, a picture


def run(config: AblationConfig, subjects: Subjects) -> list[Row]:
    """Fit every variant and write table.txt and results.json. StorageError if these cannot be written."""
    seen: dict[float, list[Subject]] = {}
    rows = []
    for variant in VARIANTS:
        if variant.name == WITH_IDENTITY and subjects.identity is None:
            continue
        if variant.covered not in seen:
            seen[variant.covered] = subjects.all(config.first, variant.covered)
        rows.append(judge(variant, seen[variant.covered], subjects, config))
        print(line(rows[-1]))
    record: dict[str, Any] = {"schema": SCHEMA, "git_sha": git_sha(), "rows": [asdict(row) for row in rows]}
    write_json(Path(config.out) / "results.json", record)
    write_text(Path(config.out) / "table.txt", "\n".join([HEADING, *map(line, rows)]) + "\n")
    return rows


def judge(variant: Variant, seen: Sequence[Subject], subjects: Subjects, config: AblationConfig) -> Row:
    """One variant on all pictures."""
    source, model = subjects.identity, subjects.model
    noise = None if variant.source == "exact" else load_noise(config.prior, model, subjects.vertices)
    fitter = HeadFitter(
        model,
        variant.config(config.fit),
        subjects.vertices,
        noise,
        LandmarkNoise.independent(N_MEDIAPIPE, EXACT_STD) if variant.source == "exact" else None,
        directions=None if source is None else source.directions,
        expression_directions=None if source is None else source.expression_directions,
    )
    seconds, errors = 0.0, []
    for first in range(0, len(seen), config.batch_size):
        some = seen[first : first + config.batch_size]
        evidence = batch(some, variant.source, variant.with_identity)
        start = time.perf_counter()
        result = fitter.fit(evidence)
        seconds += time.perf_counter() - start
        with torch.no_grad():
            verts = subjects.model(result.params).verts_m
        errors += [subjects.score(one, verts[row], result.params.shape[row]) for row, one in enumerate(some)]
    means = {
        f"{task}_{kind}_mm": fmean(getattr(one[task], f"{kind}_mm") for one in errors)
        for task in ("posed", "neutral")
        for kind in ("l1", "l2")
    }
    calm = [one["neutral"].l1_mm for one, subject in zip(errors, seen, strict=True) if subject.is_neutral]
    return Row(
        variant.name,
        len(seen),
        **means,
        neutral_pictures_l1_mm=_mean(calm),
        ms=1e3 * seconds / len(seen),
    )


HEADING = (
    f"{'':<38}{'pictures':>9}{'posed L1':>10}{'L2':>8}{'neutral L1':>12}{'L2':>8}"
    f"{'neutral pictures':>18}{'ms':>8}   (mm; fit alone)"
)


def line(row: Row) -> str:
    """For the terminal."""
    return (
        f"{row.variant:<38}{row.pictures:>9}{row.posed_l1_mm:>10.3f}{row.posed_l2_mm:>8.3f}"
        f"{row.neutral_l1_mm:>12.3f}{row.neutral_l2_mm:>8.3f}{_fixed(row.neutral_pictures_l1_mm):>18}{row.ms:>8.1f}"
    )


def _mean(values: Sequence[float]) -> float | None:
    """None of none."""
    return fmean(values) if values else None


def _fixed(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
