"""The covariance of coefficients over people of whom each is known with an error: expectation-maximisation."""

from __future__ import annotations

import numpy as np

from shared.flame.open_head.calibration.gaussian import Gaussian, symmetric
from shared.flame.open_head.calibration.surface_fit import Evidence
from shared.flame.open_head.makehuman import Array

MAX_STEPS = 40
STABLE = 2e-3  # relative change of the skin's variance in one step
PRIOR_PEOPLE = 60.0  # how many people the starting covariance counts for


def posterior(evidence: Evidence, mean: Array, precision: Array) -> Gaussian:
    """What is known of one person, from the mean and the inverse covariance of people."""
    covariance = np.linalg.inv(evidence.information + precision)
    return Gaussian(covariance @ (evidence.score + precision @ mean), covariance)


def estimate_covariance(people: list[Evidence], start: Gaussian, parity: Array, gram: Array) -> Gaussian:
    """``start`` with the covariance around its mean under which the evidence is most likely, alike left and right.

    Each person's remaining covariance is added to the spread of the most probable coefficients, which alone would make
    the estimate shrink from step to step. Directions that no evidence informs keep the covariance of ``start``, which
    counts as that of PRIOR_PEOPLE people in the others.

    Args:
        people: one evidence each, of the same C coefficients.
        start: the mean, and the covariance to begin from.
        parity: (C,) +1 for symmetric directions, -1 for antisymmetric ones.
        gram: (C, C) the skin's variance is the trace of it times the covariance.
    """
    share = len(people) / (len(people) + PRIOR_PEOPLE)
    now = start
    for _ in range(MAX_STEPS):
        precision = np.linalg.inv(now.covariance)
        means, total = np.zeros((len(people), len(parity))), np.zeros_like(precision)
        for row, evidence in enumerate(people):
            known = posterior(evidence, now.mean, precision)
            means[row] = known.mean
            total += known.covariance
        spread = means - means.mean(0)
        total += spread.T @ spread
        pooled = symmetric(total / len(people), parity)
        after = Gaussian(start.mean, share * pooled + (1 - share) * start.covariance)
        change = abs(np.sum(gram * after.covariance) / np.sum(gram * now.covariance) - 1)
        now = after
        if change < STABLE:
            break
    return now
