"""From pictures and where faces are in them to heads: the same steps for one photo, a batch, and a live stream."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.face_crop import face_crop
from shared.images.faces import DetectedFace
from shared.landmarker.blendshapes import N_BLENDSHAPES, stack_blendshapes
from student.head.decoder import HeadDecoder, StudentHeads, StudentSpec
from student.network.records import StudentInput, StudentOutput
from student.network.weights import TrainedStudent


class Network(Protocol):
    """Whatever runs a trained network: torch on any device, ONNX Runtime."""

    @property
    def spec(self) -> StudentSpec: ...

    def __call__(self, inputs: StudentInput) -> StudentOutput:
        """Crops (B, ...) on the CPU -> heads (B, ...) on the CPU, float32."""
        ...


@dataclass(frozen=True, eq=False)
class TorchNetwork:
    """The network in torch."""

    student: TrainedStudent

    @property
    def spec(self) -> StudentSpec:
        """Of the network."""
        network = self.student.network
        basis = type(network.basis)(network.basis.shape.cpu(), network.basis.expression.cpu())
        return StudentSpec(network.config, basis, network.anchor_m.cpu(), self.student.head_id)

    def __call__(self, inputs: StudentInput) -> StudentOutput:
        """Crops (B, ...)."""
        device = self.student.network.view.rest_m.device
        with torch.inference_mode():
            return self.student.network(inputs.to(device)).to("cpu")


class Predictor:
    """Heads of faces whose place is known. Not to be shared between threads."""

    def __init__(self, network: Network, model: FlameModel, landmarks: bool = True) -> None:
        """``landmarks``: whether a network that takes them is shown any.

        ValueError if the model is another head than the network's, or if the network would see nothing.
        """
        self.network, self.spec = network, network.spec
        self.sees_landmarks = landmarks and self.spec.config.landmarks
        if not self.sees_landmarks and self.spec.config.backbone == "none":
            raise ValueError("the network sees landmarks alone: leave out landmarks=false, or take one that sees more")
        self.decoder = HeadDecoder(model, self.spec)

    def crop(self, around_px: Tensor) -> Crop:
        """(B) crops around landmarks (B, 478, 2), whoever found them, in pixels of the picture."""
        return face_crop(around_px, self.spec.config.size, self.spec.config.margin)

    def inputs(
        self,
        images: Sequence[np.ndarray],
        crop: Crop,
        landmarks_px: Tensor | None,
        camera: Camera,
        blendshapes: Tensor | None = None,
    ) -> StudentInput:
        """What the network takes.

        Args:
            images: B full pictures (H, W, 3) uint8 RGB; a picture may come several times.
            crop: (B).
            landmarks_px: (B, 478, 2) MediaPipe's, in pixels of the full picture; None where there are none.
            camera: (B) of the full pictures.
            blendshapes: (B, 52) the landmarker's; None where there are none.
        """
        batch = len(crop.affine)
        if self.spec.config.backbone == "none":
            pixels = torch.zeros(batch, 3, 1, 1)
        else:
            cut = np.stack([_cut(crop[row], image) for row, image in enumerate(images)])
            pixels = torch.from_numpy(cut).permute(0, 3, 1, 2).float() / 255
        seen = landmarks_px is not None and self.sees_landmarks
        marks = crop.apply(landmarks_px) if seen and landmarks_px is not None else torch.zeros(batch, 478, 2)
        focal = camera.focal_px.mean(-1) * crop.affine[:, 0, 0]
        unknown = torch.full((batch, N_BLENDSHAPES), torch.nan)
        units = blendshapes if seen and blendshapes is not None else unknown
        return StudentInput(pixels, marks, torch.full((batch,), seen), focal, units)

    def predict(
        self,
        images: Sequence[np.ndarray],
        around_px: Tensor,
        landmarks_px: Tensor | None,
        camera: Camera,
        blendshapes: Tensor | None = None,
    ) -> StudentHeads:
        """(B) heads.

        Args:
            images, landmarks_px, camera, blendshapes: as of `inputs`.
            around_px: (B, 478, 2) landmarks that place the crops, such as those of the frame before.
        """
        crop = self.crop(around_px)
        with torch.inference_mode():
            output = self.network(self.inputs(images, crop, landmarks_px, camera, blendshapes))
            return self.decoder.decode(output, crop, camera)


def found_blendshapes(faces: Sequence[DetectedFace]) -> Tensor | None:
    """(B, 52) of faces, as the network takes them; None unless all have them."""
    found = stack_blendshapes(faces)
    return None if found is None else torch.from_numpy(found)


def _cut(crop: Crop, image: np.ndarray) -> np.ndarray:
    """`Crop.sample` from the part of the picture that one crop sees: to shrink all of a large one takes far longer."""
    (scale, _, x), (_, _, y) = crop.affine.tolist()
    reach, side = 2 + 2 / scale, crop.size[0] / scale
    left, top = (max(0, math.floor(-shift / scale - reach)) for shift in (x, y))
    right, bottom = (max(0, math.ceil(-shift / scale + side + reach)) for shift in (x, y))
    part = image[top:bottom, left:right]
    if not part.size:
        return np.zeros((*crop.size, 3), np.uint8)
    moved = crop.affine + scale * torch.tensor([[0.0, 0.0, left], [0.0, 0.0, top]])
    return Crop(moved, crop.size).sample(part)
