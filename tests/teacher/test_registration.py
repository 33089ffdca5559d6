"""A head that is known is found again from points of its skin."""

from __future__ import annotations

from dataclasses import replace

import torch

from shared.evaluate.faces import skin_samples
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.geometry.closest import closest_points
from shared.geometry.meshes import face_normals
from teacher.registration.scans import Scan, register_scans


def test_two_scans_of_a_person_give_one_shape_and_both_expressions() -> None:
    assets = load_flame()
    model = FlameModel(assets)
    generator = torch.Generator().manual_seed(1)
    assert assets.arkit is not None
    smile = sum(assets.arkit.expression[:, assets.arkit.names.index(f"mouthSmile{side}")] for side in ("Left", "Right"))
    shape = 0.7 * torch.randn(1, model.n_shape, generator=generator)
    truth = replace(
        model.neutral_params(2),
        shape=shape.expand(2, -1),
        expression=torch.stack([torch.zeros(model.n_expression), torch.as_tensor(smile)]),
        translation=torch.tensor([[0.02, -0.1, 0.05]]).expand(2, 3),
    )
    verts = model(truth).verts_m
    samples = skin_samples(assets, count=4000)
    scans = [
        Scan(
            samples.positions(one, assets.faces).float(),
            face_normals(one, assets.faces)[samples.face_index],
            assets.landmarks["ibug68"].positions(one, assets.faces),
        )
        for one in verts
    ]
    found = register_scans(model, scans, neutral=[0])
    posed = model(found).verts_m
    for scan, one in zip(scans, posed, strict=True):
        hits = closest_points(scan.points_m.numpy(), one.numpy(), assets.faces.numpy())
        assert hits.distance.mean() < 4e-4
    torch.testing.assert_close(found.shape[0], found.shape[1])
    assert found.expression[0].norm() < 0.1 * found.expression[1].norm()
    face = assets.region("lips")
    moved, true = (posed[1] - posed[0])[face], (verts[1] - verts[0])[face]
    assert (moved * true).sum() / (true**2).sum() > 0.85
