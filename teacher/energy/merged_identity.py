"""From what single pictures say of a person to one expectation."""

from __future__ import annotations

from torch import Tensor

from teacher.evidence.records import IdentityEvidence


def merge(predicted: IdentityEvidence, person: Tensor, count: int, factor: float, shared: float) -> IdentityEvidence:
    """What the pictures of each person say together, along the same directions.

    Coefficients are N(0, 1) before anything is observed, so a picture that ends at N(mean, std^2) has contributed
    ``1 / std^2 - 1``. What several contribute is added up, and divided where they repeat each other: the errors of
    pictures of one person are alike, however many there are.

    Args:
        predicted: (N, D), a row a picture. An infinite std, or one above 1, says nothing.
        person: (N,) int64 in [0, count), whom it shows.
        count: of persons, G.
        factor: by which the errors are larger than stated.
        shared: correlation of the errors of two pictures of one person, in [0, 1].

    Returns:
        (G, D); mean 0 and std 1 for a person of whom nothing is known.
    """
    information = predicted.std**-2
    information = information * (information > 1)

    def together(values: Tensor) -> Tensor:
        return values.new_zeros(count, values.shape[1]).index_add_(0, person, values)

    pictures = together((information > 0).to(information))
    share = 1 / (factor**2 * (1 + shared * (pictures - 1).clamp_min(0)))
    precision = 1 + share * together((information - 1).clamp_min(0))
    return IdentityEvidence(share * together(predicted.mean * information) / precision, precision.rsqrt())
