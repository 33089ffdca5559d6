"""Options of the steps that bring a predicted head onto its landmarks."""

from __future__ import annotations

from dataclasses import dataclass

from shared.config.option import option


@dataclass(frozen=True)
class RefineConfig:
    """A predicted head, brought onto its landmarks."""

    landmark_factor: float = option(12.0, "deviation of landmarks over what was measured; smaller: nearer to them")
    hidden_factor: float = option(5.0, "the noise of points that face away from the camera is this many times larger")
    robust_threshold: float = option(2.0, "deviations beyond this many standard deviations count linearly")
    prediction_factor: float = option(
        1.0, "deviation of the prediction, over what it states itself", formerly="guess_factor"
    )
    jaw_std: float = option(0.2, "no jaw is predicted worse than this, rad")
    eyelid_std: float = option(0.2, "deviation of predicted eyelids")
    eye_std: float = option(0.1, "deviation of each predicted eyeball's rotation, rad")
    distance_std: float = option(0.06, "deviation of the predicted place, over its distance from the camera")
    damping: float = option(1e-3, "initial lambda, relative to the diagonal of J^T J")
