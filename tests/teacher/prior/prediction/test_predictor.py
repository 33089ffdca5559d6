"""Batches, flips and heads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from shared.flame.assets import load_flame
from shared.runs.errors import UserError
from teacher.config import CompactConfig
from teacher.prior.networks.build import build_network
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.networks.weights import Prior
from teacher.prior.prediction.predictor import Predictor
from teacher.prior.records import PriorInput, PriorMaps, PriorPoints, PriorPrediction

SIZE = 32


class KnownNetwork(PriorNetwork):
    """Its answer to a mirrored picture is the mirrored answer, but for ``bias``, by which u is off to one side."""

    def __init__(self, partners: Tensor | None, bias: float) -> None:
        super().__init__()
        self.size, self.frame, self.backbone, self.sees_landmarks, self.bias = SIZE, "crop", nn.Identity(), False, bias
        assert partners is not None
        vertex = int((partners != torch.arange(len(partners))).nonzero()[0, 0])
        self.pair = torch.tensor([vertex, int(partners[vertex])])

    @property
    def vertices(self) -> Tensor | None:
        return self.pair

    def forward(self, inputs: PriorInput) -> PriorPrediction:
        red, green, blue = inputs.image.unbind(1)
        sideways = ((torch.arange(SIZE) + 0.5) / SIZE - 0.5) * red
        uv = torch.stack([0.5 + 0.3 * sideways + self.bias, 0.4 + 0.2 * green], 1)
        normal = nn.functional.normalize(torch.stack([sideways, green - 0.5, -torch.ones_like(green)], 1), dim=1)
        reach = 4 + 8 * blue.mean((1, 2))
        pixel = torch.stack([torch.stack([SIZE / 2 - reach, reach], 1), torch.stack([SIZE / 2 + reach, reach], 1)], 1)
        doubt = torch.zeros(len(red), 2)
        return PriorPrediction(
            PriorMaps("crop", normal, blue - 6, uv, blue - 9), PriorPoints(pixel, doubt + 1, doubt + 2)
        )


def pictures(count: int, size: int = SIZE) -> list[PriorInput]:
    """Noise, without landmarks."""
    generator = torch.Generator().manual_seed(1)
    nothing = torch.zeros(478, 2), torch.zeros(6, size // 2, size // 2), torch.tensor(False)
    return [PriorInput(torch.rand(3, size, size, generator=generator), *nothing) for _ in range(count)]


@cache
def known(bias: float = 0.0) -> Prior:
    assets = load_flame()
    return Prior(KnownNetwork(assets.mirror, bias), assets.head_id, {})


def predict(prior: Prior, flip: bool, inputs: list[PriorInput], batch_size: int = 2) -> list[PriorPrediction]:
    return list(Predictor(prior, batch_size, flip, "cpu").predict(inputs))


def test_flip_averaging_of_a_consistent_network_is_the_identity() -> None:
    inputs = pictures(3)
    for plain, flipped in zip(predict(known(), False, inputs), predict(known(), True, inputs), strict=True):
        for name in ("uv", "normal", "uv_log_var", "normal_log_var"):
            assert torch.allclose(getattr(plain.maps, name), getattr(flipped.maps, name), atol=1e-4), name
        assert plain.points is not None
        assert flipped.points is not None
        for name in ("pixel_px", "log_var", "visible_logit"):
            assert torch.allclose(getattr(plain.points, name), getattr(flipped.points, name), atol=1e-4), name


def test_flip_averaging_cancels_an_error_to_one_side() -> None:
    inputs = pictures(3)
    for right, flipped in zip(predict(known(), False, inputs), predict(known(0.02), True, inputs), strict=True):
        assert torch.allclose(flipped.maps.uv, right.maps.uv, atol=1e-5)  # type: ignore[arg-type]
        spread = right.maps.uv_log_var.exp() + 0.02**2  # type: ignore[union-attr]
        assert torch.allclose(flipped.maps.uv_log_var.exp(), spread, rtol=1e-2)  # type: ignore[union-attr]


def test_batches_do_not_change_predictions() -> None:
    inputs = pictures(5)
    one_by_one, together = (predict(known(0.01), True, inputs, batch_size) for batch_size in (1, 3))
    assert len(together) == 5
    for a, b in zip(one_by_one, together, strict=True):
        assert torch.allclose(a.maps.uv, b.maps.uv, atol=1e-6)  # type: ignore[arg-type]
        assert torch.allclose(a.points.pixel_px, b.points.pixel_px, atol=1e-4)  # type: ignore[union-attr]


def test_inputs_are_drawn_a_batch_at_a_time() -> None:
    drawn = 0

    def endless() -> Iterator[PriorInput]:
        nonlocal drawn
        for one in itertools.cycle(pictures(1)):
            drawn += 1
            yield one

    next(Predictor(known(), 4, False, "cpu").predict(endless()))
    assert drawn == 4


def test_compact_network_with_flip_and_bf16() -> None:
    assets = load_flame()
    config = CompactConfig(size=64, widths=(8, 8, 8, 8, 8), points=32)
    prior = Prior(build_network("compact", config, "crop", assets).eval(), assets.head_id, {})
    (got,) = Predictor(prior, 1, True, "cpu", bf16=True).predict(pictures(1, 64))
    assert got.maps.uv is not None
    assert got.points is not None
    assert got.maps.uv.shape == (2, 64, 64)
    assert got.maps.uv.dtype == torch.float32
    assert got.points.pixel_px.shape == (32, 2)
    assert torch.isfinite(got.points.log_var).all()


def test_wrong_sizes_and_heads_are_refused() -> None:
    with pytest.raises(ValueError, match="32 pixels, got 64"):
        predict(known(), False, pictures(1, 64))
    other = Prior(known().network, "another", {})
    with pytest.raises(UserError, match="flip=false"):
        Predictor(other, 1, True, "cpu")
    Predictor(other, 1, False, "cpu")
