"""Meshes and cameras that the rendering tests share."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from shared.geometry.camera import Camera


def sphere(n_rings: int = 24, radius: float = 1.0, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """A closed UV sphere, counter-clockwise from outside: (V, 3) and (F, 3)."""
    n_columns = 2 * n_rings
    polar = torch.linspace(0, torch.pi, n_rings + 1, dtype=dtype)[1:-1]
    around = torch.arange(n_columns, dtype=dtype) * (2 * torch.pi / n_columns)
    p, a = torch.meshgrid(polar, around, indexing="ij")
    rings = torch.stack([p.sin() * a.cos(), p.sin() * a.sin(), p.cos()], -1).reshape(-1, 3)
    poles = torch.tensor([[0.0, 0, 1], [0, 0, -1]], dtype=dtype)
    faces = []
    for column in range(n_columns):
        after = (column + 1) % n_columns
        for ring in range(n_rings - 2):
            here, below = ring * n_columns, (ring + 1) * n_columns
            faces += [[here + column, below + column, below + after], [here + column, below + after, here + after]]
        last = (n_rings - 2) * n_columns
        faces += [[len(rings), column, after], [len(rings) + 1, last + after, last + column]]
    return torch.cat([rings, poles]) * radius, torch.tensor(faces)


def soup(n_meshes: int, n_faces: int, seed: int, beyond_near: bool = False) -> tuple[Tensor, Tensor]:
    """Random triangles in front of a camera, crossing each other: (B, 3 F, 3) in the camera frame and (F, 3)."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.rand(n_meshes, n_faces, 1, 3, generator=generator) * torch.tensor([1.2, 1.2, 1.0])
    triangles = centers - torch.tensor([0.6, 0.6, -0.6])
    triangles = triangles + 0.15 * torch.randn(n_meshes, n_faces, 3, 3, generator=generator)
    if beyond_near:
        triangles[:, :8, 0, 2] = 0.02 * torch.randn(n_meshes, 8, generator=generator)
        triangles[:, 8, 1, 0] = torch.nan
    return triangles.reshape(n_meshes, -1, 3), torch.arange(3 * n_faces).reshape(n_faces, 3)


def camera(size: tuple[int, int], focal: float, shift: tuple[float, float] = (0.0, 0.0)) -> Camera:
    """The camera of the fits with its principal point ``shift`` pixels off the middle."""
    center = torch.tensor([size[1] / 2 + shift[0], size[0] / 2 + shift[1]])
    return replace(Camera.at_origin(torch.tensor(focal), size, center), focal_px=torch.tensor([focal, focal * 1.07]))
