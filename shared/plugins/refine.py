"""A predicted head, brought onto its landmarks: what student and teacher agree on without knowing each other.

A network predicts a head and says how sure it is. A refiner takes some steps of a solver from there towards where a
detector sees the landmarks. The one there is belongs to the teacher and is found by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from shared.config import RefineConfig
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.plugins.factories import find_factory, registered
from shared.records.tensor_record import TensorRecord
from shared.runs.errors import UserError


@dataclass(frozen=True)
class CoefficientBasis(TensorRecord):
    """Along which a network knows how sure it is; constants of a trained one, orthonormal columns."""

    shape: Tensor  # (S, D)
    expression: Tensor  # (E, d)


@dataclass(frozen=True)
class InitialHead(TensorRecord):
    """B heads as unrefined, and the standard deviations of the initial. A deviation of 1, or more, knows nothing."""

    params: FlameParams  # (B) in the world of the camera
    camera: Camera  # (B) of the picture, or of its crop
    shape_std: Tensor  # (B, D) of the shape codes along `CoefficientBasis.shape`
    expression_std: Tensor  # (B, d) of the expression codes along `CoefficientBasis.expression`
    jaw_std: Tensor  # (B, 3) radians


class Refiner(Protocol):
    """Refines predicted heads."""

    def __call__(self, initial: InitialHead, landmarks_px: Tensor, steps: int) -> FlameParams:
        """Take ``steps`` at most from the prediction; rows do not depend on each other. The camera stays.

        Args:
            initial: (B) rows.
            landmarks_px: (B, 478, 2) MediaPipe's, in the pixels of ``initial.camera``.
            steps: of the solver; with 0 the prediction is returned.

        Raises:
            ValueError: landmarks or prediction have another shape, or numbers that are not finite.
        """
        ...


def load_refiner(
    model: FlameModel, directions: CoefficientBasis, config: RefineConfig | None = None, name: str = "teacher"
) -> Refiner:
    """The refiner of that name, or of "package.module:factory", for predicted heads of ``model``.

    Args:
        model: of the heads, on the device of the predictions.
        directions: of the network that predicts.
        config: weights; the defaults if not given.
        name: "teacher", or a factory that takes model, directions and config.

    Raises:
        UserError: it is not installed, or cannot work with this head.
    """
    factory: Callable[..., Refiner] = find_factory(
        "refine", name, registered("refiners"), ("model", "directions", "config")
    )
    try:
        return factory(model, directions, config or RefineConfig())
    except ValueError as error:
        raise UserError(f"refine={name}: {error}") from error
