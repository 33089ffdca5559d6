"""What a run keeps, what it averages, and which of its weights it shrinks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from shared.config import TrainingConfig
from shared.records.tensor_files import write_tensors
from shared.runs.errors import UserError
from shared.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from shared.training.ema import Ema
from shared.training.optimiser import GuardedAdamW, parameter_groups
from tests.training.fake_training import FakeInput, FakeNetwork

CONFIG = TrainingConfig(learning_rate=0.01, backbone_factor=0.1, weight_decay=0.3)


def trained(steps: int = 3) -> tuple[FakeNetwork, Ema[FakeNetwork], GuardedAdamW]:
    torch.manual_seed(steps)
    network = FakeNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average, optimiser = Ema(network, 0.5), GuardedAdamW(network, CONFIG)
    for step in range(steps):
        optimiser.begin()
        network(FakeInput(torch.rand(2, 3, 8, 8))).square().mean().backward()
        optimiser.step(1.0)
        average.update(network, step)
    return network, average, optimiser


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    network, average, optimiser = trained()
    progress = Progress(3, 0.5, 6, 1, 2, 10)
    path = save_checkpoint(tmp_path / "a.safetensors", network, average.network, optimiser.adamw, progress)
    other, other_average, other_optimiser = trained(1)
    assert load_checkpoint(path, other, other_average.network, other_optimiser.adamw) == progress
    for loaded, saved in ((other, network), (other_average.network, average.network)):
        assert all(torch.equal(loaded.state_dict()[name], value) for name, value in saved.state_dict().items())
    for mine, theirs in zip(other.parameters(), network.parameters(), strict=True):
        loaded, saved = other_optimiser.adamw.state[mine], optimiser.adamw.state[theirs]
        assert loaded.keys() == saved.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(loaded[key], saved[key]) for key in saved)
        assert loaded["exp_avg"].stride() == mine.stride(), "or sums of a step come out in another order"


def test_a_checkpoint_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    network, average, optimiser = trained()
    path = tmp_path / "last.safetensors"
    assert load_checkpoint(path, network, average.network, optimiser.adamw) is None
    path.write_bytes(b"torn")
    with pytest.raises(UserError, match=r"last\.safetensors cannot be read"):
        load_checkpoint(path, network, average.network, optimiser.adamw)
    write_tensors(path, {"a": torch.zeros(1)}, {"schema": "another/1"})
    with pytest.raises(UserError, match="another/1"):
        load_checkpoint(path, network, average.network, optimiser.adamw)
    save_checkpoint(path, nn.Linear(2, 2), nn.Linear(2, 2), optimiser.adamw, Progress())
    with pytest.raises(UserError, match="another network"):
        load_checkpoint(path, network, average.network, optimiser.adamw)


def test_the_average_lags_behind_weights_and_buffers_alike() -> None:
    network = FakeNetwork()
    average = Ema(network, 0.75)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for value in network.state_dict().values():
            value += 4
    average.update(network, 10**6)
    for name, value in average.network.state_dict().items():
        by = 1 if value.is_floating_point() else 4  # a count of batches has no average
        assert torch.allclose(value, before[name] + by, atol=1e-6), name


def test_groups_hold_each_weight_once_and_shrink_only_matrices() -> None:
    network = FakeNetwork()
    groups = parameter_groups(network, CONFIG)
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    rates = {id(parameter): (group["lr"], group["weight_decay"]) for group in groups for parameter in group["params"]}
    norm = network.backbone[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert rates[id(network.head.weight)] == (0.01, 0.3)
    assert rates[id(network.head.bias)] == (0.01, 0)
    assert rates[id(norm.weight)] == (pytest.approx(0.001), 0)
    assert rates[id(network.backbone[0].weight)] == (pytest.approx(0.001), 0.3)


def test_a_network_without_backbone_learns_at_one_rate() -> None:
    network = FakeNetwork()
    network.register_module("backbone", None)
    groups = parameter_groups(network, CONFIG)
    assert {id(parameter) for group in groups for parameter in group["params"]} == set(map(id, network.parameters()))
    assert {group["lr"] for group in groups} == {CONFIG.learning_rate}


def test_the_guarded_step_is_that_of_adamw() -> None:
    torch.manual_seed(0)
    network, plain = FakeNetwork(), FakeNetwork()
    plain.load_state_dict(network.state_dict())
    guarded = GuardedAdamW(network, CONFIG)
    groups = parameter_groups(plain, CONFIG)
    for group in groups:
        group["lr"] *= 0.5
    adamw = torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=False)
    for _ in range(4):
        guarded.begin()
        adamw.zero_grad()
        for mine, theirs in zip(network.parameters(), plain.parameters(), strict=True):
            mine.grad = torch.randn_like(mine)
            theirs.grad = mine.grad.clone()
        length = guarded.step(0.5)
        assert length > CONFIG.gradient_norm
        nn.utils.clip_grad_norm_(plain.parameters(), CONFIG.gradient_norm)
        adamw.step()
    for mine, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)
