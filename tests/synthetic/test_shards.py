"""Portraits on disk: the round trip, and folders that are stopped, damaged or of another kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.meshes import unit
from shared.synthetic.scene.portrait import Portrait, PortraitFacts, PortraitTruth
from shared.synthetic.storage.arrays import PortraitError
from shared.synthetic.storage.detection import Detection
from shared.synthetic.storage.shards import ShardWriter, StoredPortraits, shard_path

N_VERTS = 7


def portrait(index: int, size: tuple[int, int] = (24, 40)) -> Portrait:
    """Random values of the right shapes."""
    generator = torch.Generator().manual_seed(index)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    inside = uniform(*size) > 0.4
    params = FlameParams.neutral(4, 3, ())
    truth = PortraitTruth(
        params=replace(params, shape=uniform(4), jaw=uniform(3)),
        camera=Camera.at_origin(100 + uniform(1)[0], size),
        normal=unit(torch.randn(*size, 3, generator=generator)).permute(2, 0, 1) * inside,
        uv=uniform(2, *size) * inside,
        depth_m=(0.6 + 0.2 * uniform(*size)) * inside,
        part=torch.where(inside, torch.randint(1, 9, size, generator=generator), 0).to(torch.uint8),
        neutral_m=torch.full((N_VERTS, 3), float(index // 2)),
        vertex_visible=uniform(N_VERTS) > 0.5,
        landmarks_px=uniform(478, 2),
        landmarks_visible=uniform(478) > 0.5,
        landmarks68_px=uniform(68, 2),
        landmarks68_visible=uniform(68) > 0.5,
    )
    facts = PortraitFacts(
        0, index, index // 2, "posed", 10.0, 0.0, 0.0, 2.0, 0.1, 30.0, 50.0, "bob", ("glasses",), "sun", "room"
    )
    down, across = torch.meshgrid(torch.linspace(0, 1, size[0]), torch.linspace(0, 1, size[1]), indexing="ij")
    image = (torch.stack([down, across, uniform(1).expand(size)], -1) * 255).to(torch.uint8).numpy()
    return Portrait(image, truth, facts)


def writer(root: Path, head_id: str = "a") -> ShardWriter:
    return ShardWriter(root, "jpg", 100, {"head_id": head_id})


def test_round_trip(tmp_path: Path) -> None:
    made = [portrait(index) for index in range(5)]
    for shard in range(2):
        writer(tmp_path).write(shard, made[3 * shard : 3 * shard + 3])
    stored = StoredPortraits(tmp_path)
    assert len(stored) == 5
    for want, index in zip(made, range(5), strict=True):
        got = stored[index]
        assert got.facts == want.facts
        assert (torch.from_numpy(got.image).int() - torch.from_numpy(want.image).int()).abs().float().mean() < 2
        for name in ("neutral_m", "vertex_visible", "landmarks_px", "landmarks68_visible", "part"):
            assert torch.equal(getattr(got.truth, name), getattr(want.truth, name)), name
        assert torch.equal(got.truth.params.shape, want.truth.params.shape)
        assert got.truth.camera.size == want.truth.camera.size
        assert torch.equal(got.truth.camera.focal_px, want.truth.camera.focal_px)
        assert (got.truth.normal - want.truth.normal).abs().max() < 2e-5
        assert (got.truth.uv - want.truth.uv).abs().max() < 1e-5
        assert (got.truth.depth_m - want.truth.depth_m).abs().max() < 5e-6
        assert torch.equal(got.truth.depth_m > 0, want.truth.depth_m > 0)


def test_detections_are_of_the_stored_picture_and_may_be_missing(tmp_path: Path) -> None:
    seen: list[int] = []

    def detect(image: np.ndarray) -> Detection | None:
        seen.append(int(image.sum()))
        return None if len(seen) == 1 else Detection(torch.full((478, 2), float(len(seen))), torch.full((52,), 0.5))

    replace(writer(tmp_path), quality=5, detect=detect).write(0, [portrait(0), portrait(1)])
    stored = StoredPortraits(tmp_path)
    assert seen == [int(stored[0].image.sum()), int(stored[1].image.sum())]
    assert stored.detection(0) is None
    found = stored.detection(1)
    assert found is not None
    assert found.landmarks_px[0, 0] == 2
    assert (found.blendshapes == 0.5).all()


def test_a_shard_that_stops_in_the_middle_does_not_count(tmp_path: Path) -> None:
    def stops():
        yield portrait(0)
        raise KeyboardInterrupt

    writer(tmp_path).write(0, [portrait(0)])
    with pytest.raises(KeyboardInterrupt):
        writer(tmp_path).write(1, stops())
    assert not shard_path(tmp_path, 1).exists()
    assert len(StoredPortraits(tmp_path)) == 1


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(PortraitError, match="no finished shards"):
        StoredPortraits(tmp_path)
    writer(tmp_path).write(0, [portrait(0)])
    stored = StoredPortraits(tmp_path)
    (tmp_path / "shards" / "00000" / "000000.surface.png").write_bytes(b"no picture")
    with pytest.raises(PortraitError, match=r"000000\.surface\.png is damaged"):
        stored[0]
    writer(tmp_path, head_id="b").write(1, [portrait(1)])
    with pytest.raises(PortraitError, match="different heads: a, b"):
        StoredPortraits(tmp_path)
    shard_path(tmp_path, 1).write_bytes(b"cut off")
    with pytest.raises(PortraitError, match=r"00001\.safetensors cannot be read"):
        StoredPortraits(tmp_path)
