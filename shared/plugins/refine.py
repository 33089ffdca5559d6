"""A guessed head, made better by landmarks: what student and teacher agree on without knowing each other.

A network guesses a head and says how sure it is. A refiner takes some steps of a solver from there towards where a
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
class Directions(TensorRecord):
    """Along which a network knows how sure it is; constants of a trained one, orthonormal columns."""

    shape: Tensor  # (S, D)
    expression: Tensor  # (E, d)


@dataclass(frozen=True)
class HeadGuess(TensorRecord):
    """B heads as guessed, and the standard deviations of the guess. A deviation of 1, or more, knows nothing."""

    params: FlameParams  # (B) in the world of the camera
    camera: Camera  # (B) of the picture, or of its crop
    shape_std: Tensor  # (B, D) of the shape codes along `Directions.shape`
    expression_std: Tensor  # (B, d) of the expression codes along `Directions.expression`
    jaw_std: Tensor  # (B, 3) radians


class Refiner(Protocol):
    """Makes guesses better."""

    def __call__(self, guess: HeadGuess, landmarks_px: Tensor, steps: int) -> FlameParams:
        """Take ``steps`` at most from the guess; rows do not depend on each other. The camera stays.

        Args:
            guess: (B) rows.
            landmarks_px: (B, 478, 2) MediaPipe's, in the pixels of ``guess.camera``.
            steps: of the solver; with 0 the guess is returned.

        Raises:
            ValueError: landmarks or guess have another shape, or numbers that are not finite.
        """
        ...


def load_refiner(
    model: FlameModel, directions: Directions, config: RefineConfig | None = None, name: str = "teacher"
) -> Refiner:
    """The refiner of that name, or of "package.module:factory", for guesses of heads of ``model``.

    Args:
        model: of the heads, on the device of the guesses.
        directions: of the network that guesses.
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
