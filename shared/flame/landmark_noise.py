"""Where a landmarker marks its points on a head, and how its errors go together.

Measured on heads whose truth is known (`teacher/landmark_noise.py`). The error of a point is the sum of

    a constant offset in the head's frame          the landmarker draws a lid or a lip beside the mesh's own line
    a constant that depends on the yaw             points of the contour slide along the silhouette
    a field of the person                          this person's brows are drawn higher in every picture
    a field of the picture, by yaw                 half a face that is drawn too far out, a mouth that is half open
    what is independent from point to point

Fields are sums of modes with unit Gaussian coefficients. Lengths are in units of the distance of the outer eye corners,
but for the offset. Two-dimensional errors are along the face's own upright axes in the picture: x to the right of the
picture, y towards the chin.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from shared.assets import asset_path
from shared.flame.mediapipe_mesh import mediapipe_mirror
from shared.flame.schema import FlameAssets
from shared.records.tensor_files import read_tensors
from shared.records.tensor_record import TensorRecord

SCHEMA = "pixel3dmm-distill/landmark-noise/1"
# What is assumed of a head on which no landmarker was measured.
ASSUMED_STD, ASSUMED_SHARED_STD, ASSUMED_LENGTH, ASSUMED_MODES = 0.03, 0.03, 0.2, 24


@dataclass(frozen=True)
class LandmarkNoise(TensorRecord):
    """Of P landmarks, with K modes a person and k a picture, at B values of the yaw."""

    offset_m: Tensor  # (P, 3) metres, from the embedded point to where it is marked, unposed head
    person: Tensor  # (P, 3, K) head frame
    yaw_rad: Tensor  # (B,) rising, as of `shared.synthetic`: positive where the face turns to the subject's left
    mean: Tensor  # (B, P, 2)
    picture: Tensor  # (B, P, 2, k)
    std: Tensor  # (B, P) a coordinate

    @staticmethod
    def independent(n_points: int, std: float) -> LandmarkNoise:
        """Points that are off by ``std`` a coordinate, each by itself."""
        return LandmarkNoise(
            offset_m=torch.zeros(n_points, 3),
            person=torch.zeros(n_points, 3, 0),
            yaw_rad=torch.zeros(1),
            mean=torch.zeros(1, n_points, 2),
            picture=torch.zeros(1, n_points, 2, 0),
            std=torch.full((1, n_points), std),
        )

    @staticmethod
    def assumed(places_m: Tensor, unit_m: float) -> LandmarkNoise:
        """Of a head that was not measured: neighbours (P, 3) err alike. ``unit_m``: outer eye corners' distance."""
        noise = LandmarkNoise.independent(len(places_m), ASSUMED_STD)
        distance = torch.cdist(places_m.double(), places_m.double()) / unit_m
        shared = ASSUMED_SHARED_STD**2 * torch.exp(-distance / ASSUMED_LENGTH)
        modes, left = leading_modes(shared, ASSUMED_MODES)
        zero = torch.zeros_like(modes)
        picture = torch.stack([torch.cat([modes, zero], 1), torch.cat([zero, modes], 1)], 1)
        std = (noise.std**2 + left**2).sqrt()
        return LandmarkNoise(
            noise.offset_m, noise.person, noise.yaw_rad, noise.mean, picture[None].float(), std.float()
        )

    def points(self, rows: Tensor) -> LandmarkNoise:
        """The noise of some landmarks (Q,)."""
        return LandmarkNoise(
            self.offset_m[rows],
            self.person[rows],
            self.yaw_rad,
            self.mean[:, rows],
            self.picture[:, rows],
            self.std[:, rows],
        )

    def at(self, yaw_rad: Tensor) -> PictureNoise:
        """Of N pictures (N,), covariances interpolated linearly between the measured values, constant beyond."""
        last = len(self.yaw_rad) - 1
        above = torch.searchsorted(self.yaw_rad, yaw_rad.contiguous()).clamp(min=min(1, last), max=last)
        below = (above - 1).clamp(min=0)
        span = (self.yaw_rad[above] - self.yaw_rad[below]).clamp(min=1e-6)
        share = ((yaw_rad - self.yaw_rad[below]) / span).clamp(0, 1)
        low, high = (1 - share)[:, None], share[:, None]
        fields = torch.cat(
            [self.picture[below] * low[..., None, None].sqrt(), self.picture[above] * high[..., None, None].sqrt()], -1
        )
        return PictureNoise(
            mean=self.mean[below] * low[..., None] + self.mean[above] * high[..., None],
            fields=self.picture[below] if last == 0 else fields,
            std=(self.std[below] ** 2 * low + self.std[above] ** 2 * high).sqrt(),
        )


@dataclass(frozen=True)
class PictureNoise(TensorRecord):
    """What errors of P landmarks are expected in N pictures; upright axes, units as of `LandmarkNoise`."""

    mean: Tensor  # (N, P, 2)
    fields: Tensor  # (N, P, 2, k)
    std: Tensor  # (N, P)


def leading_modes(covariance: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first ``count`` modes (D, count) of a covariance (D, D), and what they leave of each deviation (D,)."""
    values, vectors = torch.linalg.eigh(covariance.double())
    modes = vectors.flip(1)[:, :count] * values.flip(0)[:count].clamp(min=0).sqrt()
    return modes, (covariance.double().diagonal() - (modes**2).sum(1)).clamp(min=0).sqrt()


def noise_path(assets: FlameAssets) -> Path:
    """Where the measured noise of a head is looked for."""
    return asset_path(f"landmark_noise.{assets.name}.safetensors")


def stored_noise(assets: FlameAssets) -> dict[str, Tensor] | None:
    """All that was measured of the landmarker on a head; None if nothing was, or on another version of it."""
    path = noise_path(assets)
    if not path.is_file():
        return None
    tensors, header = read_tensors(path, SCHEMA)
    return tensors if header["head_id"] == assets.head_id else None


def load_landmark_noise(assets: FlameAssets) -> LandmarkNoise | None:
    """Of the 478 landmarks on a head; None if it was not measured."""
    tensors = stored_noise(assets)
    return None if tensors is None else both_sides({name: value.float() for name, value in tensors.items()})


def both_sides(tensors: dict[str, Tensor]) -> LandmarkNoise:
    """From what is stored, which is of yaw 0 and more: turned the other way, the face is its mirror image."""
    partner, flip = mediapipe_mirror(), torch.tensor([-1.0, 1.0])
    turned = slice(1, None)  # yaw 0 is its own mirror image

    def mirrored(values: Tensor) -> Tensor:
        return values[turned].flip(0)[:, partner]

    mean, picture, std, yaw = tensors["mean"], tensors["picture"], tensors["std"], tensors["yaw_rad"]
    return LandmarkNoise(
        offset_m=tensors["offset_m"],
        person=tensors["person"],
        yaw_rad=torch.cat([-yaw[turned].flip(0), yaw]),
        mean=torch.cat([mirrored(mean) * flip, mean]),
        picture=torch.cat([mirrored(picture) * flip[:, None], picture]),
        std=torch.cat([mirrored(std), std]),
    )
