"""Where hair grows on a scalp: distance to the hairline over the chart of the crown, and how it recedes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from shared.synthetic.hair.skull import CROWN, compass

SIDE = 768  # texels of 0.75 mm

# The line on the subject's left from the front to the nape: azimuth and elevation in degrees about the skull's centre.
_LINE = (
    (0, 38), (10, 38.5), (20, 40), (29, 42), (36, 40), (41, 33), (46, 24), (50, 14), (54, 6), (60, -3), (66, -13),
    (70, -24), (75, -27), (79, -18), (83, -6), (92, 2), (104, -2), (112, -14), (118, -30), (126, -44), (138, -50),
    (152, -51), (168, -52), (180, -53),
)  # fmt: skip


def line_elevation(azimuth: np.ndarray) -> np.ndarray:
    """Elevation of the hairline, degrees, at azimuths in degrees."""
    line = np.array(_LINE, float)
    return np.interp(np.abs((azimuth + 180) % 360 - 180), line[:, 0], line[:, 1])


@dataclass(frozen=True, eq=False)
class Hairline:
    """Fields over the chart, (SIDE, SIDE) float32. Static."""

    inside: np.ndarray  # distance inside the line, radians (0.1 is 1 cm); negative outside
    temples: np.ndarray  # 0 to 1: the corners of the forehead
    crown: np.ndarray  # 0 to 1: front and top, where men lose hair
    sides: np.ndarray  # 0 on the top to 1 on the sides and the back
    grain: np.ndarray  # 0 to 1 blotches of a few millimetres

    @staticmethod
    def of() -> Hairline:
        """Draw the fields."""
        line = np.array(_LINE, float)
        closed = np.concatenate([line, line[-2:0:-1] * [-1, 1]])
        uv = CROWN.uv(torch.from_numpy(compass(closed[:, 0], closed[:, 1]))).numpy()
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(mask, [np.round(uv * SIDE * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
        distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
        distance = cv2.GaussianBlur(distance, (0, 0), 4) * (2 * CROWN.reach / SIDE)
        towards = CROWN.directions(SIDE)

        def near(azimuth: float, elevation: float, width: float) -> np.ndarray:
            return np.exp((towards @ compass(azimuth, elevation).astype(np.float32) - 1) / width**2)

        temples = near(33, 40, 0.3) + near(-33, 40, 0.3)
        crown = np.maximum(near(0, 62, 0.5), near(180, 62, 0.45)).clip(0, 1)
        elevation = np.degrees(np.arcsin(towards[..., 1]))
        behind = (towards[..., 2] < 0) * -12 * towards[..., 2]
        sides = ((38 + behind - elevation) / 18).clip(0, 1)
        noise = np.random.default_rng(72).standard_normal((SIDE, SIDE)).astype(np.float32)
        grain = cv2.GaussianBlur(noise, (0, 0), 4)
        grain = 0.5 + 0.25 * grain / grain.std()
        fields = (distance, temples.clip(0, 1), crown, sides, grain)
        return Hairline(*(field.astype(np.float32) for field in fields))

    def receded(self, recession: float, thinning: float) -> np.ndarray:
        """(SIDE, SIDE) distance inside the line of a person; both from 0 to 1."""
        inside = self.inside
        if recession > 0:
            inside = inside - (0.32 * recession) * self.temples
        if thinning > 0:
            inside = np.minimum(inside, 0.25 - 0.55 * thinning * self.crown)
        return inside

    def at(self, field: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """(N,) values of a field at chart places (N, 2)."""
        index = (uv * SIDE).astype(int).clip(0, SIDE - 1)
        return field[index[:, 1], index[:, 0]]
