"""A random head in FLAME's schema, small enough for automatic Jacobians in float64."""

from __future__ import annotations

import torch

from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.schema import FlameAssets, LandmarkEmbedding


def tiny_head(n_vertices: int = 90, n_shape: int = 7, n_expression: int = 5, seed: int = 0) -> FlameAssets:
    """Vertices on an ellipsoid of a head's size; every joint moves a part of it; correctives and lids are not zero."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator)

    direction = torch.nn.functional.normalize(randn(n_vertices, 3), dim=1)
    template = direction * torch.tensor([0.075, 0.11, 0.09])
    weights = torch.softmax(3 * randn(n_vertices, 5), 1)
    weights[: n_vertices // 3, 3:] = 0  # some points follow few joints, as on a real head
    weights = weights / weights.sum(1, keepdim=True)
    faces = torch.stack([torch.randperm(n_vertices, generator=generator)[:3] for _ in range(2 * n_vertices)])
    barycentric = torch.rand(N_MEDIAPIPE, 3, generator=generator)
    return FlameAssets(
        name="tiny",
        v_template=template,
        shapedirs=0.004 * randn(n_vertices, 3, n_shape),
        expressiondirs=0.003 * randn(n_vertices, 3, n_expression),
        eyelid_dirs=0.003 * randn(n_vertices, 3, 2),
        posedirs=0.002 * randn(n_vertices, 3, 36),
        joint_regressor=torch.softmax(randn(5, n_vertices), 1),
        lbs_weights=weights,
        faces=faces,
        uv=torch.rand(n_vertices, 2, generator=generator),
        uv_faces=faces,
        landmarks={
            "mediapipe": LandmarkEmbedding(
                torch.randint(len(faces), (N_MEDIAPIPE,), generator=generator),
                barycentric / barycentric.sum(1, keepdim=True),
            )
        },
    )
