"""All steps from a scan model to the calibration of a head."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import numpy as np
from tqdm import tqdm

from shared.flame.open_head import eyes
from shared.flame.open_head.basis_id import basis_id
from shared.flame.open_head.calibration.gaussian import Gaussian
from shared.flame.open_head.calibration.head_surface import HeadSurface
from shared.flame.open_head.calibration.moments import estimate_covariance
from shared.flame.open_head.calibration.people import Person, ScanModel, sphere
from shared.flame.open_head.calibration.surface_fit import (
    AGAIN_M,
    FAR_M,
    NEAR_M,
    Fit,
    FitWeights,
    SurfaceFitter,
)
from shared.flame.open_head.identity_record import Calibration
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.shape import parity
from shared.flame.schema import FlameAssets

# The mean head is one fit, to which lids and corners must come close; people may differ in what our directions lack.
MEAN_WEIGHTS = FitWeights(patch_m2=25e-6, guide_m=0.35e-3)
# Of the coefficients of the mean: with 1 the lids stay 1 mm too deep, with 3 the ears shrink for the sake of details.
MEAN_STD = 1.5
ROUNDS = 2
EYE_CORNERS = ([42, 45], [39, 36])  # inner and outer, of iBUG's 68; the subject's left eye first


def calibrate_people(head: FlameAssets, model: ScanModel, people: int, seed: int) -> Calibration:
    """Where the head's coefficients lie for ``people`` random people of the model. Deterministic; shows progress."""
    surface = HeadSurface(head)
    side = parity(surface.directions.reshape(-1, 3, surface.n_coefficients), _mirror(head))
    average = model.person(np.zeros(model.n_weights))
    start = Gaussian.around(np.zeros(surface.n_coefficients), MEAN_STD)
    mean_fit = SurfaceFitter(surface, model, MEAN_WEIGHTS).fit(average, start, FAR_M)
    prior = Gaussian.around(np.where(side > 0, mean_fit.coefficients, 0.0))
    posed = average.moved(mean_fit.rotation, mean_fit.shift_m)
    eye_shift = _eye_shift(surface, surface.positions(prior.mean), model, posed)

    fitter = SurfaceFitter(surface, model)
    weights = np.random.default_rng(seed).standard_normal((people, model.n_weights))
    skin = surface.directions.reshape(-1, 3, surface.n_coefficients)[surface.region >= 0].reshape(-1, len(side))
    gram = (skin.T @ skin).astype(np.float64)
    fits: list[Fit] = []
    for turn in range(ROUNDS):
        gates = AGAIN_M if fits else NEAR_M
        starts: Iterable[Fit] = fits or [mean_fit] * people
        pairs = tqdm(zip(weights, starts, strict=True), f"people, round {turn + 1} of {ROUNDS}", people)
        fits = [fitter.fit(model.person(one), prior, gates, first) for one, first in pairs]
        anchor = Gaussian.around(prior.mean)
        tqdm.write("covariance", sys.stderr)
        prior = estimate_covariance([fit.evidence for fit in fits], anchor, side, gram)
    made = {"people": people, "seed": seed, "norm_of_mean": round(float(np.linalg.norm(prior.mean)), 2)}
    return Calibration(basis_id(head), prior.mean, prior.covariance, eye_shift, made)


def _eye_shift(surface: HeadSurface, verts: Array, model: ScanModel, scan: Person) -> Array:
    """``Calibration.eye_shift_m``, from the head (V, 3) to the scan in its frame; the mean of both sides."""
    marks = surface.landmarks @ verts
    wanted, found = [], []
    for eye, (ball, corners, mirror) in enumerate(zip(model.eyeballs, EYE_CORNERS, (1, -1), strict=True)):
        centre, radius = sphere(scan.verts_m[ball])
        centre[2] += radius - eyes.RADIUS  # scanned eyeballs are modelled larger: their front is what shows
        to_left = [mirror, 1, 1]
        wanted.append(np.stack([centre, *scan.verts_m[model.ibug68[corners]]]) * to_left)
        found.append(np.stack([(surface.eyes @ verts)[eye], *marks[corners]]) * to_left)
    return np.mean(wanted, 0) - np.mean(found, 0)


def _mirror(head: FlameAssets) -> Array:
    if head.mirror is None:
        raise ValueError(f"head {head.name!r} has no mirror map, so its directions have no sides")
    return head.mirror.numpy()
