"""Heads before cameras as named tensors of a file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from torch import Tensor

from shared.flame.params import FlameParams
from shared.geometry.camera import Camera

_PARAMS = tuple(field.name for field in fields(FlameParams))
_CAMERA = ("focal_px", "center_px", "T_cam_world")


def posed_tensors(params: FlameParams, camera: Camera) -> dict[str, Tensor]:
    """Of heads (N) and cameras (N) of one size, which is not among them."""
    tensors = {f"params.{name}": getattr(params, name) for name in _PARAMS}
    tensors |= {f"camera.{name}": getattr(camera, name) for name in _CAMERA}
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def params_of(tensors: Mapping[str, Tensor]) -> FlameParams:
    """(N) heads."""
    return FlameParams(**{name: tensors[f"params.{name}"] for name in _PARAMS})


def cameras_of(tensors: Mapping[str, Tensor], size: tuple[int, int]) -> Camera:
    """(N) cameras of pictures of this (height, width)."""
    return Camera(*[tensors[f"camera.{name}"] for name in _CAMERA], size=size)
