"""The identity space: a random population of MakeHuman heads and its principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.flame.open_head.makehuman import (
    AGE,
    GENDER,
    HEIGHT,
    MUSCLE,
    PROPORTION,
    RACE,
    WEIGHT,
    Array,
    MacroTarget,
    Target,
)

N_SAMPLES = 20000
LOCAL_SIGMA = 0.21  # of a feature's slider; more looks like caricature
FOLDER_GAIN = {"neck": 0.6, "ears": 0.8, "head": 0.5, "forehead": 0.8, "nose": 0.8}
SIDE_SIGMA = 0.2  # left-right difference, as a share of the common part
ASYMMETRY_SIGMA = 0.12
SHAPE_SIGMA = 0.8  # of one-sided targets


@dataclass(frozen=True)
class Population:
    """Sampled slider values: mean and covariance over the blendshapes, macro targets first."""

    mean: Array  # (B,)
    covariance: Array  # (B, B)


def stack_offsets(macro: list[MacroTarget], local: list[Target]) -> Array:
    """(B, K, 3) all blendshapes: macro targets, then positive and negative side of each local target."""
    offsets = [target.offset for target in macro]
    for target in local:
        offsets.append(target.positive)
        if target.negative is not None:
            offsets.append(target.negative)
    return np.stack(offsets)


def sample_population(macro: list[MacroTarget], local: list[Target], seed: int = 0) -> Population:
    """Moments of N_SAMPLES random adults. Invented distributions: they give plausible heads, not measured ones."""
    rng = np.random.default_rng(seed)
    sliders = np.concatenate([_sample_macro(macro, rng), _sample_local(local, rng)], 1)
    return Population(sliders.mean(0), np.cov(sliders.T))


def _spread(position: Array, names: tuple[str, ...]) -> dict[str, Array]:
    """Weights of the ordered ``names`` at a position in [0, 1] between them; linear, sum 1."""
    scaled = np.clip(position, 0, 1) * (len(names) - 1)
    return {name: np.clip(1 - np.abs(scaled - i), 0, 1) for i, name in enumerate(names)}


def _sample_macro(macro: list[MacroTarget], rng: np.random.Generator) -> Array:
    n = N_SAMPLES
    race = rng.dirichlet([0.5] * len(RACE), n)
    gender = rng.beta(0.6, 0.6, n)
    age = 0.5 + 0.5 * rng.beta(0.7, 1.3, n) - 0.08 * rng.random(n)  # young to old
    weights = {
        **_spread(gender, GENDER),
        **_spread(age, AGE),
        **_spread(rng.beta(2.5, 2.5, n), MUSCLE),
        **_spread(rng.beta(2.5, 2.5, n), WEIGHT),
        **_spread(rng.beta(8, 8, n), HEIGHT),
        **_spread(rng.beta(2, 2, n), PROPORTION),
        **{name: race[:, i] for i, name in enumerate(RACE)},
    }
    return np.stack([np.prod([weights[trait] for trait in target.traits], 0) for target in macro], 1)


def _sample_local(local: list[Target], rng: np.random.Generator) -> Array:
    n = N_SAMPLES
    columns: list[Array] = []
    both_sides: dict[str, Array] = {}
    for target in local:
        sigma = LOCAL_SIGMA * FOLDER_GAIN.get(target.folder, 1.0)
        if target.name.startswith(("head-scale", "head-back-scale")):
            sigma *= 0.35
        if target.folder == "asym":
            amount = ASYMMETRY_SIGMA * rng.standard_normal(n)
        elif target.side != "unsided":
            feature = target.name[2:]  # without "l-" or "r-"
            if feature not in both_sides:
                both_sides[feature] = sigma * rng.standard_normal(n)
            amount = both_sides[feature] + SIDE_SIGMA * sigma * rng.standard_normal(n)
        elif target.negative is None:
            amount = SHAPE_SIGMA * np.abs(sigma * rng.standard_normal(n))
        else:
            sideways = "trans-in" in target.name or "trans-out" in target.name
            amount = (0.25 if sideways else 1.0) * sigma * rng.standard_normal(n)
        amount = np.clip(amount, -1, 1)
        columns.append(np.maximum(amount, 0))
        if target.negative is not None:
            columns.append(np.maximum(-amount, 0))
    return np.stack(columns, 1)
