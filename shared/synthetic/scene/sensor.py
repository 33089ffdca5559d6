"""What a camera, a program and a network do to a picture before anyone sees it.

In the order in which it happens: lens (blur, motion, colour fringes, vignetting), few pixels, exposure and noise, tone
curve and colour, sharpening, 8 bit, video codec, enlargement, JPEG. Most pictures come out nearly clean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from shared.synthetic.scene.colour import linear_to_srgb

_TABLE = 1 << 14
_TABLE_TOP = 4.0  # radiance beyond this is white whatever the tone curve
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_INTERPOLATION = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST, cv2.INTER_LANCZOS4)


@dataclass(frozen=True)
class Sensor:
    """Everything that is done to one picture. The defaults do nothing but encode as sRGB."""

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)  # exposure and white balance, linear RGB
    vignetting: float = 0.0  # light lost in the corners, as a share
    fringe: float = 0.0  # red is enlarged by 1 + fringe, blue shrunk
    focus_px: float = 0.0  # deviation of the focus blur
    motion_px: tuple[float, float] = (0.0, 0.0)  # path of the shake (x, y)
    reduction: float = 1.0  # the sensor has this share of the pixels a side; enlarged in the end
    enlarged_by: int = cv2.INTER_LINEAR
    shot_noise: float = 0.0  # deviation at radiance 1
    read_noise: float = 0.0
    noise_grain: float = 0.0  # 0: every pixel on its own, 1: spread to neighbours, as demosaicing does
    shoulder: float = 1.0  # radiance above which highlights are compressed
    contrast: float = 0.0  # of an S-curve in encoded values
    gamma: float = 1.0  # of encoded values
    saturation: float = 1.0  # 0 is grey
    sharpening: float = 0.0  # strength of an unsharp mask
    video_quality: int | None = None  # of WebP, whose still pictures are those of a video codec
    jpeg_quality: int | None = None

    @staticmethod
    def draw(rng: np.random.Generator, size: tuple[int, int]) -> Sensor:
        """A camera for pictures of (height, width) pixels: lengths grow with them."""
        scale = min(size) / 256
        wear = rng.random()
        if wear < 0.4:
            return Sensor(
                gains=_gains(rng, 0.08, 0.02),
                shoulder=float(rng.uniform(0.6, 0.95)),
                contrast=float(rng.normal(0.05, 0.08)),
                saturation=float(rng.normal(1.0, 0.08)),
                shot_noise=float(max(0.0, rng.uniform(-0.006, 0.008))) * math.sqrt(scale),
                focus_px=float(rng.uniform(0, 0.35)) * scale,
                jpeg_quality=int(rng.integers(88, 98)) if rng.random() < 0.7 else None,
            )
        # From here to 1, pictures get worse; each fault has its own chance.
        worn = (wear - 0.4) / 0.6
        strong = 0.3 + 0.7 * worn
        noise = strong * math.exp(rng.normal(-4.2, 0.7)) * math.sqrt(scale) if rng.random() < 0.65 else 0.0
        angle, path = rng.uniform(0, math.pi), rng.uniform(1, 5) * strong * scale if rng.random() < 0.1 else 0.0
        reduced = rng.random() < 0.08 + 0.22 * worn
        video = rng.random() < 0.1
        return Sensor(
            gains=_gains(rng, 0.16, 0.06),
            vignetting=float(rng.uniform(0, 0.5)) if rng.random() < 0.35 else 0.0,
            fringe=float(rng.normal(0, 0.0018)) if rng.random() < 0.3 else 0.0,
            focus_px=float(min(1.5, 0.3 * math.exp(rng.normal(0, 0.7)) * (1 + worn))) * scale,
            motion_px=(float(path * math.cos(angle)), float(path * math.sin(angle))),
            reduction=float(1 - rng.uniform(0.2, 0.6) * strong) if reduced else 1.0,
            enlarged_by=int(rng.choice(_INTERPOLATION, p=(0.5, 0.35, 0.05, 0.1))),
            shot_noise=float(min(noise, 0.09)),
            read_noise=float(min(noise, 0.09) * rng.uniform(0.05, 0.3)),
            noise_grain=float(rng.uniform(0, 0.8)),
            shoulder=float(rng.uniform(0.4, 1.0)),
            contrast=float(np.clip(rng.normal(0.06, 0.16), -0.12, 0.5)),
            gamma=float(math.exp(rng.normal(0, 0.09))),
            saturation=0.0 if rng.random() < 0.05 else float(np.clip(rng.normal(1.0, 0.2), 0.2, 1.7)),
            sharpening=float(rng.uniform(0.2, 1.3)) if rng.random() < 0.3 else 0.0,
            video_quality=int(rng.integers(8, 60)) if video else None,
            jpeg_quality=int(100 - rng.uniform(5, 25 + 50 * worn)) if rng.random() < 0.75 else None,
        )


def apply_sensor(radiance: np.ndarray, sensor: Sensor, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) float32 linear radiance -> (H, W, 3) uint8 sRGB of the same size. ``rng`` gives the noise."""
    height, width = radiance.shape[:2]
    picture = _lens(radiance, sensor)
    if sensor.reduction < 1:
        reduced = (max(8, round(width * sensor.reduction)), max(8, round(height * sensor.reduction)))
        picture = cv2.resize(picture, reduced, interpolation=cv2.INTER_AREA)
    picture = _noisy(picture * np.array(sensor.gains, np.float32), sensor, rng)
    encoded = _developed(picture, sensor)
    if sensor.video_quality is not None:
        encoded = _recoded(encoded, ".webp", cv2.IMWRITE_WEBP_QUALITY, sensor.video_quality)
    if sensor.reduction < 1:
        encoded = cv2.resize(encoded, (width, height), interpolation=sensor.enlarged_by)
    if sensor.jpeg_quality is not None:
        encoded = _recoded(encoded, ".jpg", cv2.IMWRITE_JPEG_QUALITY, sensor.jpeg_quality)
    return encoded


def _gains(rng: np.random.Generator, exposure: float, balance: float) -> tuple[float, float, float]:
    """Errors of the exposure and the white balance (log deviations): between blue and orange, less to green."""
    level, warm, tint = rng.normal(0, exposure), rng.normal(0, balance), rng.normal(0, 0.4 * balance)
    return math.exp(level + warm), math.exp(level + tint), math.exp(level - warm)


def _lens(picture: np.ndarray, sensor: Sensor) -> np.ndarray:
    """Focus, shake, fringes, vignetting."""
    height, width = picture.shape[:2]
    if sensor.focus_px > 0.15:
        picture = cv2.GaussianBlur(picture, (0, 0), sensor.focus_px)
    if math.hypot(*sensor.motion_px) > 0.7:
        picture = cv2.filter2D(picture, -1, _path(*sensor.motion_px), borderType=cv2.BORDER_REFLECT_101)
    if sensor.fringe:
        channels = list(cv2.split(picture))
        for channel, zoom in ((0, 1 + sensor.fringe), (2, 1 - sensor.fringe)):
            matrix = np.array([[zoom, 0, (1 - zoom) * (width - 1) / 2], [0, zoom, (1 - zoom) * (height - 1) / 2]])
            channels[channel] = cv2.warpAffine(
                channels[channel], matrix, (width, height), borderMode=cv2.BORDER_REPLICATE
            )
        picture = cv2.merge(channels)
    if sensor.vignetting:
        y, x = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
        squared = (y[:, None] ** 2 + x**2) / 2
        picture = picture * (1 - np.float32(sensor.vignetting) * squared)[..., None]
    return picture


def _path(x_px: float, y_px: float) -> np.ndarray:
    """Kernel of a straight shake, sampled along its path."""
    half = math.ceil(max(abs(x_px), abs(y_px)) / 2)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for along in np.linspace(-0.5, 0.5, 4 * half + 1):
        x, y = half + along * x_px, half + along * y_px
        left, top = min(int(x), 2 * half - 1), min(int(y), 2 * half - 1)
        right_share, low_share = x - left, y - top
        kernel[top : top + 2, left : left + 2] += np.outer([1 - low_share, low_share], [1 - right_share, right_share])
    return kernel / kernel.sum()


def _noisy(picture: np.ndarray, sensor: Sensor, rng: np.random.Generator) -> np.ndarray:
    """Shot noise grows with the root of the light; read noise is the same everywhere."""
    if max(sensor.shot_noise, sensor.read_noise) < 5e-4:
        return picture
    grain = _grain(rng, picture.shape)
    if sensor.noise_grain > 0:
        beside = np.float32(0.35 * sensor.noise_grain)
        kernel = np.array([beside, 1, beside], np.float32)
        kernel /= math.sqrt(float(kernel @ kernel))
        grain = cv2.sepFilter2D(grain, -1, kernel, kernel)
    variance = np.maximum(picture, 0) * np.float32(sensor.shot_noise**2) + np.float32(sensor.read_noise**2)
    return picture + grain * np.sqrt(variance)


def _grain(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal noise (shape) float32: the sum of four bytes, which is near enough and four times as fast."""
    parts = np.frombuffer(rng.bytes(4 * math.prod(shape)), np.uint8).reshape(4, *shape)
    total = cv2.add(cv2.add(parts[0], parts[1], dtype=cv2.CV_32F), cv2.add(parts[2], parts[3], dtype=cv2.CV_32F))
    return (total - np.float32(510)) * np.float32(1 / 147.8)


def _developed(picture: np.ndarray, sensor: Sensor) -> np.ndarray:
    """Linear light -> uint8: tone curve, saturation, sharpening."""
    per_root = np.float32((_TABLE - 1) / math.sqrt(_TABLE_TOP))
    row = (np.sqrt(np.clip(picture, 0, _TABLE_TOP)) * per_root + np.float32(0.5)).astype(np.int32)
    encoded = _tone_table(sensor).take(row, mode="clip")
    if sensor.saturation != 1:
        mixing = (1 - sensor.saturation) * np.tile(_LUMA, (3, 1)) + sensor.saturation * np.eye(3)
        encoded = cv2.transform(encoded, mixing.astype(np.float32))
    if sensor.sharpening:
        soft = cv2.GaussianBlur(encoded, (0, 0), 1.0)
        encoded = cv2.addWeighted(encoded, 1 + sensor.sharpening, soft, -sensor.sharpening, 0)
    return (np.clip(encoded, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _tone_table(sensor: Sensor) -> np.ndarray:
    """Encoded value of radiance at squares of an even scale, which is fine where eyes are."""
    linear = np.linspace(0, math.sqrt(_TABLE_TOP), _TABLE, dtype=np.float32) ** 2
    if sensor.shoulder < 1:
        room = 1 - sensor.shoulder
        above = np.maximum(linear - np.float32(sensor.shoulder), 0) / np.float32(room)
        linear = np.minimum(linear, np.float32(sensor.shoulder)) + np.float32(room) * (1 - np.exp(-above))
    encoded = np.clip(linear_to_srgb(linear), 0, 1) ** np.float32(sensor.gamma)
    encoded = encoded + np.float32(4 * sensor.contrast) * encoded * (1 - encoded) * (encoded - np.float32(0.5))
    return encoded.astype(np.float32)


def _recoded(picture: np.ndarray, suffix: str, quality_option: int, quality: int) -> np.ndarray:
    """Through a lossy file and back; uint8 RGB."""
    stored = cv2.imencode(suffix, picture[..., ::-1], [quality_option, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR))[..., ::-1])
