"""The compact network: shapes, what it can do without its landmarks, and that it learns."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from shared.flame.assets import load_flame
from teacher.config import CompactConfig, PriorLossConfig
from teacher.prior.networks.compact import CompactPrior, coarse_uv
from teacher.prior.networks.vertices import spread_vertices
from teacher.prior.records import PriorInput, PriorTarget
from teacher.prior.training.losses import FaceRegion, prior_loss

ALL = FaceRegion.everywhere(60)
SMALL = CompactConfig(
    backbone="mobilenetv4_conv_small_050",
    pretrained="none",
    start="landmarks",
    size=64,
    widths=(32, 24, 16, 16, 16),
    points=60,
)


def inputs(count: int = 2, size: int = 64) -> PriorInput:
    """Random pictures with random landmarks."""
    generator = torch.Generator().manual_seed(0)
    return PriorInput(
        image=torch.rand(count, 3, size, size, generator=generator),
        landmarks_px=torch.rand(count, 478, 2, generator=generator) * size,
        landmark_maps=torch.rand(count, 6, size // 2, size // 2, generator=generator),
        has_landmarks=torch.ones(count, dtype=torch.bool),
    )


def target(count: int = 2, size: int = 64, points: int = 60) -> PriorTarget:
    """Smooth maps everywhere, points in a row."""
    ramp = torch.linspace(0.2, 0.8, size)
    uv = torch.stack(torch.meshgrid(ramp, ramp, indexing="xy")).expand(count, 2, size, size)
    normal = torch.nn.functional.normalize(torch.stack([uv[:, 0] - 0.5, uv[:, 1] - 0.5, -0.8 + 0 * uv[:, 0]], 1), dim=1)
    everywhere = torch.ones(count, size, size, dtype=torch.bool)
    row = torch.linspace(5, size - 5, points)
    return PriorTarget(
        normal=normal,
        normal_mask=everywhere,
        uv=uv,
        uv_mask=everywhere,
        hidden=torch.zeros_like(everywhere),
        part=(uv[:, 0] > 0.5).to(torch.uint8),
        points_px=torch.stack([row, row.flip(0)], -1).expand(count, points, 2),
        points_visible=torch.arange(points).expand(count, points) % 2 == 0,
        points_known=torch.ones(count, points, dtype=torch.bool),
        px_per_m=torch.ones(count),
    )


@pytest.fixture(scope="module")
def network() -> CompactPrior:
    torch.manual_seed(0)
    return CompactPrior.build(SMALL, "crop", load_flame())


def test_shapes(network: CompactPrior) -> None:
    said = network(inputs())
    assert said.maps.normal.shape == (2, 3, 64, 64)
    assert said.maps.uv.shape == (2, 2, 64, 64)
    assert said.maps.part_logits.shape == (2, 9, 64, 64)
    assert said.maps.normal_log_var.shape == said.maps.uv_log_var.shape == (2, 64, 64)
    assert said.points.pixel_px.shape == (2, 60, 2)
    assert said.maps.frame == "crop"
    torch.testing.assert_close(said.maps.normal.norm(dim=1), torch.ones(2, 64, 64))


def test_points_start_where_an_affine_view_of_the_landmarks_puts_them(network: CompactPrior) -> None:
    """For landmarks that are an exact affine view of the template, the fit to them is exact at every vertex."""
    assets = load_flame()
    to_px = torch.tensor([[300.0, 20.0], [-10.0, -280.0], [50.0, 30.0]])
    marks = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces) @ to_px + 32
    places = assets.v_template[network.vertices] @ to_px + 32
    torch.testing.assert_close(network.points.places @ (network.points.to_affine @ marks), places, atol=1e-3, rtol=0)


def test_without_landmarks_nothing_of_them_is_left(network: CompactPrior) -> None:
    network.eval()
    with torch.no_grad():
        one = network(inputs().without_landmarks())
        other = inputs()
        other = dataclasses.replace(other, landmarks_px=other.landmarks_px + 9).without_landmarks()
        torch.testing.assert_close(network(other).points.pixel_px, one.points.pixel_px)
        assert not torch.equal(network(inputs()).points.pixel_px, one.points.pixel_px)
    network.train()


def test_a_batch_is_its_rows(network: CompactPrior) -> None:
    network.eval()
    with torch.no_grad():
        both, second = network(inputs()), network(inputs()[1:])
    torch.testing.assert_close(both.maps.uv[1:], second.maps.uv, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(both.points.pixel_px[1:], second.points.pixel_px, atol=1e-3, rtol=1e-4)
    network.train()


def test_landmarks_go_on_beyond_their_mesh() -> None:
    """UV that is affine in the pixel is continued exactly; without landmarks it says nothing."""
    ramp = (torch.arange(32) + 0.5) / 32
    whole = torch.stack([0.3 + 0.4 * ramp.expand(32, 32), 0.7 - 0.2 * ramp[:, None].expand(32, 32)])
    cover = torch.zeros(1, 32, 32)
    cover[:, 8:20, 10:24] = 1
    maps = torch.cat([whole * cover, torch.zeros(3, 32, 32), cover])[None]
    torch.testing.assert_close(coarse_uv(maps)[0], whole, atol=1e-3, rtol=0)
    torch.testing.assert_close(coarse_uv(0 * maps), torch.full((1, 2, 32, 32), 0.5))


def test_learns_one_batch() -> None:
    torch.manual_seed(0)
    learner = CompactPrior.build(SMALL, "crop", load_flame())
    optimiser = torch.optim.AdamW(learner.parameters(), lr=5e-3)
    logs = []
    for _ in range(60):
        total, log = prior_loss(learner(inputs().without_landmarks()), target(), PriorLossConfig(), ALL)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        logs.append(log)
    assert logs[-1]["uv_mm"] < 0.25 * logs[0]["uv_mm"]
    assert logs[-1]["normal_deg"] < 0.5 * logs[0]["normal_deg"]
    assert logs[-1]["points_px"] < 0.5 * logs[0]["points_px"]
    assert logs[-1]["part"] < 0.5 * logs[0]["part"]


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="32 divides"):
        CompactPrior.build(dataclasses.replace(SMALL, size=100), "crop", None)


def test_maps_or_points_alone() -> None:
    only_maps = CompactPrior.build(dataclasses.replace(SMALL, points=0), "crop", None)
    only_points = CompactPrior.build(dataclasses.replace(SMALL, maps=False), "crop", load_flame())
    assert only_maps(inputs()).points is None
    assert only_points(inputs()).maps.uv is None
    total, log = prior_loss(only_points(inputs()), target(), PriorLossConfig(), ALL)
    total.backward()
    assert set(log) >= {"points", "visible", "log_var", "points_px"}
    assert "uv_mm" not in log


def test_vertices_are_spread_in_mirror_pairs() -> None:
    assets = load_flame()
    vertices = spread_vertices(assets, 200)
    assert len(vertices.unique()) == 200
    assert torch.equal(assets.mirror[vertices].sort().values, vertices)
    for inside in ("eyes", "mouth_interior", "teeth", "tongue"):
        assert not assets.regions[inside][vertices].any()
    apart = torch.cdist(assets.v_template[vertices], assets.v_template[vertices])
    apart.fill_diagonal_(1)
    on_face = assets.regions["face"][vertices]
    assert apart.min() > 0.002
    assert apart[on_face][:, on_face].amin(1).mean() < 0.7 * apart[~on_face][:, ~on_face].amin(1).mean()
