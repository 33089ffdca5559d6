from __future__ import annotations

import torch

from shared.flame.assets import load_flame
from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.segmentation import FACE_PARTS, face_parts


def test_the_parts_are_where_their_names_say() -> None:
    assets = load_flame()
    embedding = assets.landmarks["mediapipe"]
    part = face_parts(assets, torch.arange(N_MEDIAPIPE), embedding.positions(assets.v_template, assets.faces))
    place = {name: assets.v_template[part == number].mean(0) for number, name in enumerate(FACE_PARTS)}
    assert all(bool(torch.isfinite(middle).all()) for middle in place.values())
    heights = [place[name][1] for name in ("forehead", "left_brow", "left_eye", "nose", "mouth", "chin")]
    assert heights == sorted(heights, reverse=True)
    for name in ("eye", "brow", "cheek"):
        left, right = place[f"left_{name}"], place[f"right_{name}"]
        assert left[0] > 0.02
        torch.testing.assert_close(left * torch.tensor([-1.0, 1.0, 1.0]), right, rtol=0, atol=2e-3)
    assert bool((part[assets.regions["scalp"]] == FACE_PARTS.index("rest")).all())
    eye = assets.regions["left_eye"]
    front = eye & (assets.v_template[:, 2] > assets.v_template[eye, 2].mean())
    assert bool((part[front] == FACE_PARTS.index("left_eye")).all())
