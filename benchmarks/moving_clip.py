"""A rendered person in motion as a clip, written once and kept."""

from __future__ import annotations

from pathlib import Path

import cv2
import torch

from shared.export.npz import read_params, write_params
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.images.video_writer import VideoWriter
from shared.records.tensor_record import stack
from shared.synthetic.motion import shots_in_motion
from shared.synthetic.studio import Order, PortraitStudio

RATE_HZ = 30.0


def moving_clip(
    folder: Path, frames: int, size: tuple[int, int], seed: int, person: int, drawn_px: int = 384
) -> tuple[Path, FlameParams, Camera]:
    """The clip, its true parameters (T) and its camera (T); rendered if it is not there.

    It is drawn as a square of ``drawn_px``, enlarged to the height of ``size`` (height, width) and set on a background
    that repeats its edges: large portraits take half a minute each.
    """
    clip = folder / f"moving_{frames}_{size[0]}x{size[1]}_{seed}_{person}_{drawn_px}.mp4"
    truth = clip.with_suffix(".npz")
    if truth.is_file():
        return clip, *read_params(truth)
    folder.mkdir(parents=True, exist_ok=True)
    studio = PortraitStudio(FlameModel(load_flame()), (drawn_px, drawn_px))
    shots = shots_in_motion(studio, seed, person, frames, RATE_HZ)
    height, width = size
    left, scale = (width - height) // 2, height / drawn_px
    with VideoWriter(clip, RATE_HZ) as writer:
        for shot in shots:
            image = studio.portrait(Order(seed, person, person, "posed"), shot).image
            image = cv2.resize(image, (height, height), interpolation=cv2.INTER_CUBIC)
            writer.write(cv2.copyMakeBorder(image, 0, 0, left, width - height - left, cv2.BORDER_REPLICATE))
    params, camera = stack([shot.params for shot in shots]), stack([shot.camera for shot in shots])
    affine = torch.tensor([[scale, 0.0, float(left)], [0.0, scale, 0.0]])
    camera = camera.warped(affine.expand(len(shots), 2, 3), size)
    write_params(truth, params, camera)
    return clip, params, camera
