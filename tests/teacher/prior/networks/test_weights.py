"""Weights on disk: what comes back, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from shared.networks.weight_files import PRIOR_SCHEMA as SCHEMA
from shared.records.tensor_files import read_tensors, write_tensors
from shared.runs.errors import UserError
from teacher.prior.networks.compact import CompactPrior
from teacher.prior.networks.weights import load_prior, save_prior, start_from
from tests.teacher.prior.networks.test_compact import SMALL, inputs

CONFIG = dataclasses.replace(SMALL, points=20)


@pytest.fixture(scope="module")
def network() -> CompactPrior:
    torch.manual_seed(0)
    return CompactPrior.build(CONFIG, "crop", None).eval()


@pytest.fixture
def path(network: CompactPrior, tmp_path: Path) -> Path:
    return save_prior(tmp_path / "w.safetensors", network, "compact", CONFIG, "head", {"seed": 7})


def test_a_network_comes_back(network: CompactPrior, path: Path) -> None:
    prior = load_prior(str(path))
    assert prior.head_id == "head"
    assert prior.header["seed"] == 7
    assert prior.network.frame == "crop"
    with torch.no_grad():
        said, wanted = prior.network(inputs()), network(inputs())
    torch.testing.assert_close(said.maps.uv, wanted.maps.uv, atol=2e-3, rtol=0)  # 16 bits a weight
    torch.testing.assert_close(said.points.pixel_px, wanted.points.pixel_px, atol=0.1, rtol=0)
    assert torch.equal(prior.network.vertices, network.vertices)


def test_training_starts_from_weights_of_another_size(path: Path) -> None:
    larger = CompactPrior.build(dataclasses.replace(CONFIG, size=96), "crop", None)
    start_from(larger, path)
    tensors, _ = read_tensors(path, SCHEMA)
    assert torch.equal(larger.state_dict()["refine.0.weight"], tensors["refine.0.weight"].float())


def test_weights_that_do_not_fit_are_refused(path: Path, tmp_path: Path) -> None:
    tensors, header = read_tensors(path, SCHEMA)
    lacking = {name: tensor for name, tensor in tensors.items() if name != "refine.0.weight"}
    for changed, message in (
        (lacking, "refine.0.weight is missing"),
        (tensors | {"refine.0.weight": torch.zeros(2, 2)}, "refine.0.weight is 2x2, not"),
        (tensors | {"extra": torch.zeros(1)}, "extra belongs to no layer"),
    ):
        write_tensors(tmp_path / "bad.safetensors", changed, header)
        with pytest.raises(UserError, match=rf"bad\.safetensors.*{message}"):
            load_prior(str(tmp_path / "bad.safetensors"))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"schema": "other/1"}, "is of other/1"), ({"family": "giant"}, "is of family 'giant', known are compact, vit")],
)
def test_other_files_are_refused(path: Path, tmp_path: Path, change: dict[str, str], message: str) -> None:
    tensors, header = read_tensors(path, SCHEMA)
    write_tensors(tmp_path / "bad.safetensors", tensors, header | change)
    with pytest.raises(UserError, match=message):
        load_prior(str(tmp_path / "bad.safetensors"))


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "torn.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(UserError, match=r"torn\.safetensors cannot be read"):
        load_prior(str(tmp_path / "torn.safetensors"))
    with pytest.raises(UserError, match=r"gone\.safetensors is not there"):
        load_prior(str(tmp_path / "gone.safetensors"))


def test_numbers_that_16_bits_cannot_hold_are_not_written(tmp_path: Path) -> None:
    network = CompactPrior.build(CONFIG, "crop", None)
    with torch.no_grad():
        network.points.rest[0] = 1e6
    with pytest.raises(ValueError, match=r"points\.rest"):
        save_prior(tmp_path / "w.safetensors", network, "compact", CONFIG, "head", {})
