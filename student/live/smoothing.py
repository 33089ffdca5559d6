"""What the network predicts for neighbouring frames, made to agree: motion is filtered, the person is averaged.

The pose is filtered as it was predicted: the face against the line of sight, where that line meets the picture, and
how far along it the face is. Depth is the least certain of these by far, and so filtered harder without holding back
the rest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from student.config import SmoothConfig
from student.live.filters import LONGEST_STEP_S, OneEuro, OneEuroRotation
from student.live.identity import RunningIdentity
from student.network.records import PicturePrediction


class HeadSmoother:
    """Of one face in a stream."""

    def __init__(self, config: SmoothConfig) -> None:
        def one_euro(group: tuple[float, float]) -> OneEuro:
            return OneEuro(*group, config.speed_hz)

        # One cutoff for each row of what is filtered: codes and lids by themselves, rotations as a whole.
        self._rows = {
            "expression": ((-1, 1), one_euro(config.expression)),
            "eyelids": ((-1, 1), one_euro(config.eyelids)),
            "neck": ((1, 3), one_euro(config.neck)),
            "jaw": ((1, 3), one_euro(config.jaw)),
            "eyes": ((2, 3), one_euro(config.eyes)),
            "anchor_px": ((1, 2), one_euro(config.place)),
            "log_scale": ((1, 1), one_euro(config.depth)),
        }
        self._rotation = OneEuroRotation(*config.rotation, config.speed_hz)
        self._identity = RunningIdentity(config.identity_s, config.new_subject)
        self._time_s: float | None = None

    def restart(self) -> None:
        """The next frame does not go on from the one before: the face was lost, or the shot ended."""
        self._time_s = None

    def __call__(self, output: PicturePrediction, focal_px: float, time_s: float) -> PicturePrediction:
        """One frame's head.

        Args:
            prediction: (1) in pixels of the full picture.
            focal_px: of the full picture.
            time_s: of the frame; later than that of the one before.
        """
        step_s = 0.0 if self._time_s is None else time_s - self._time_s
        if not 0 < step_s < LONGEST_STEP_S:
            self._start(output)
            step_s = 1.0  # of the first frame nothing depends on it
        self._time_s = time_s
        smooth: dict[str, Tensor] = {}
        for name, (shape, one_euro) in self._rows.items():
            raw = getattr(output, name)
            unit = focal_px if name == "anchor_px" else 1.0
            value = one_euro(raw.numpy().reshape(shape) / unit, step_s) * unit
            smooth[name] = torch.from_numpy(value.astype(np.float32)).view(raw.shape)
        rotation = self._rotation(output.R_sight_face[0].double().numpy(), step_s)
        shape = self._identity(*_shape_of(output), step_s)
        return replace(
            output,
            shape=torch.from_numpy(shape)[None],
            R_sight_face=torch.from_numpy(rotation.astype(np.float32))[None],
            **smooth,
        )

    def _start(self, output: PicturePrediction) -> None:
        for _, one_euro in self._rows.values():
            one_euro.reset()
        self._rotation.reset()
        if self._identity.is_new_subject(*_shape_of(output)):
            self._identity.reset()


def _shape_of(output: PicturePrediction) -> tuple[np.ndarray, np.ndarray]:
    """(D,) shape codes, and their deviations."""
    codes = output.shape[0].numpy()
    return codes, np.exp(output.log_std[0, : len(codes)].numpy())
