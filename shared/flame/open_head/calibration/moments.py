"""Mean and covariance of coefficients over people of whom each is known with an error: expectation-maximisation."""

from __future__ import annotations

import numpy as np

from shared.flame.open_head.calibration.gaussian import Gaussian
from shared.flame.open_head.calibration.surface_fit import Evidence
from shared.flame.open_head.makehuman import Array

MAX_STEPS = 200
STABLE = 1e-3  # of a standard deviation, change of the mean in one step
PRIOR_PEOPLE = 15.0  # weight of the starting covariance: what no scan shows keeps it, what few show leans on it


def posterior(evidence: Evidence, prior: Gaussian) -> Gaussian:
    """What is known of one person."""
    precision = np.linalg.inv(prior.covariance)
    covariance = np.linalg.inv(evidence.information + precision)
    return Gaussian(covariance @ (evidence.score + precision @ prior.mean), covariance)


def estimate_moments(people: list[Evidence], start: Gaussian, parity: Array, progress: Progress = iter) -> Gaussian:
    """The covariance around a known mean, symmetric in left and right, under which the evidence is most likely.

    Adding each person's remaining covariance to the spread of the best guesses keeps the estimate from shrinking towards
    the guesses; directions that no evidence informs keep the covariance of ``start``, which counts as that of
    PRIOR_PEOPLE people everywhere.

    Args:
        people: one evidence each, of the same coefficients.
        start: the mean, and the covariance to begin from.
        parity: (C,) +1 for symmetric directions, -1 for antisymmetric ones.
    """
    share = len(people) / (len(people) + PRIOR_PEOPLE)
    now = start
    for _ in progress(range(STEPS)):
        known = [posterior(evidence, now) for evidence in people]
        spread = np.stack([one.mean for one in known])
        spread = spread - spread.mean(0)
        total = spread.T @ spread + sum(one.covariance for one in known)
        pooled = symmetric(total / len(people), parity)
        now = Gaussian(start.mean, share * pooled + (1 - share) * start.covariance)
    return now
