"""Sources: the same sample whenever it is asked for, mixtures, and what cannot be read."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from shared.runs.errors import UserError
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.storage.shards import Shard, ShardWriter, shard_path
from shared.training.samples import BadSample, collate
from teacher.config import CompactConfig, PriorAugmentConfig, PriorDataConfig, PriorTrainConfig
from teacher.prior.data.sources import RenderedFaces, Source, build_source
from teacher.prior.geometry.mirror import Mirror
from teacher.prior.records import PriorSample
from tests.teacher.prior.data.plain_portrait import found_landmarks, head, mirror, portrait, vertices, write_portraits

SIZE = 64


@pytest.fixture(autouse=True)
def one_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    found = mirror()
    monkeypatch.setattr(Mirror, "of", staticmethod(lambda _assets: found))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("portraits")
    write_portraits(root, range(3))
    return root


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    write_portraits(tmp_path, range(3))
    return tmp_path


def config(*portraits: Path, seed: int = 0, **data: Any) -> PriorTrainConfig:
    return PriorTrainConfig(
        out="",
        compact=CompactConfig(size=SIZE),
        data=PriorDataConfig(portraits=tuple(map(str, portraits)), **data),
        augment=PriorAugmentConfig(cover=0.5),
        seed=seed,
    )


def source(*portraits: Path, seed: int = 0) -> Source:
    return build_source(config(*portraits, seed=seed), vertices(), head().assets)


def good(item: PriorSample | BadSample) -> PriorSample:
    assert isinstance(item, PriorSample), item
    return item


def tensors(record: Any) -> list[Tensor]:
    found = []
    for field in fields(record):
        value = getattr(record, field.name)
        found += [value] if isinstance(value, Tensor) else tensors(value) if is_dataclass(value) else []
    return found


def same(a: PriorSample, b: PriorSample) -> bool:
    return all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


def test_an_item_depends_on_seed_epoch_and_index_alone(folder: Path) -> None:
    first = source(folder)
    items = [good(first[index]) for index in range(6)]
    copy = pickle.loads(pickle.dumps(first))  # as a worker that is spawned gets it
    for index in (5, 0, 3):
        assert same(good(copy[index]), items[index])
    assert [int(item.index) for item in items] == list(range(6))
    assert not same(replace(items[3], index=items[0].index), items[0])  # the next epoch varies it anew
    other = replace(first.maker, augment=replace(first.maker.augment, mirror=0.0))  # type: ignore[type-var]
    assert not torch.equal(good(Source(first.faces, other, 1)[0]).input.image, items[0].input.image)


def test_workers_give_what_this_process_gives(folder: Path) -> None:
    samples = source(folder)
    loader = DataLoader(samples, batch_sampler=[[4, 1], [0]], collate_fn=collate, num_workers=1)
    first, second = loader
    assert first.sample.index.tolist() == [4, 1]
    assert same(first.sample[1], good(samples[1]))
    assert same(second.sample[0], good(samples[0]))


def test_landmarks_are_those_that_were_found(folder: Path) -> None:
    samples = source(folder)
    always = replace(samples.maker, augment=None, config=replace(samples.maker.config, landmark_share=1.0))
    exact = Source(samples.faces, always, 0)
    shown = [good(exact[index]).input for index in range(3)]
    assert [bool(one.has_landmarks) for one in shown] == [True, False, True]  # none were found on the second
    view = samples.faces[0].view(2, 0)
    assert view.detected_px is not None
    assert torch.allclose(view.detected_px, found_landmarks(portrait(2)), atol=1e-4)


def test_a_mixture_is_one_after_the_other(folder: Path, broken: Path) -> None:
    both, second = source(folder, broken), source(broken)
    assert len(both) == 6
    assert both.faces[1].name(2) == f"portrait 2 of {broken}"
    exact = [replace(one.maker, augment=None) for one in (both, second)]
    in_mixture, alone = Source(both.faces, exact[0], 0)[3 + 2], Source(second.faces, exact[1], 0)[2]
    assert torch.equal(good(in_mixture).input.image, good(alone).input.image)


@pytest.mark.parametrize("name", ["000001.normal.png", "000001.surface.png", "000001.part.png", "000001.jpg"])
def test_a_damaged_file_is_a_bad_sample_that_names_it(broken: Path, name: str) -> None:
    samples = source(broken)
    path = broken / "shards" / "00000" / name
    path.write_bytes(path.read_bytes()[:20])
    items = [samples[index] for index in (3, 4, 5)]
    bad = items[1]
    assert isinstance(bad, BadSample)
    assert bad.index == 4
    assert name in bad.reason
    path.unlink()
    assert name in samples[1].reason  # type: ignore[union-attr]
    batch = collate(items)
    assert batch.bad == (bad,)
    assert batch.sample is not None
    assert batch.sample.index.tolist() == [3, 5]
    assert collate([bad]).sample is None


def test_a_map_of_another_size_is_a_bad_sample(broken: Path) -> None:
    samples, pictures = source(broken), broken / "shards" / "00000"
    small = cv2.imread(str(pictures / "000000.part.png"), cv2.IMREAD_UNCHANGED)
    assert small is not None
    cv2.imwrite(str(pictures / "000000.part.png"), small[:50])
    (pictures / "000001.part.png").write_bytes((pictures / "000001.normal.png").read_bytes())
    (pictures / "000002.jpg").write_bytes(cv2.imencode(".jpg", np.zeros((40, 30, 3), np.uint8))[1].tobytes())
    for index, reason in enumerate(("000000.part.png", "000001.part.png", "its image is 30x40 pixels")):
        item = samples[index]
        assert isinstance(item, BadSample)
        assert reason in item.reason


def test_nan_in_a_shard_is_a_bad_sample(broken: Path) -> None:
    samples = source(broken)
    samples.faces[0].portraits.shards[0].tensors["params.jaw"][2] = float("nan")  # type: ignore[attr-defined]
    item = samples[2]
    assert isinstance(item, BadSample)
    assert "portrait 2" in item.reason
    assert "NaN" in item.reason
    good(samples[0])


def test_folders_that_cannot_be_used_end_the_run_before_it_begins(broken: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to train on"):
        source()
    with pytest.raises(UserError, match="no finished shards"):
        source(tmp_path / "nowhere")
    write_portraits(tmp_path / "other", range(1), head_id="0123")
    with pytest.raises(UserError, match="other holds portraits of the head 0123"):
        source(tmp_path / "other")
    shard_path(broken, 0).write_bytes(b"cut off")
    with pytest.raises(UserError, match=r"00000\.safetensors cannot be read"):
        source(broken)


def test_portraits_without_landmarks_are_told_of(broken: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Shard.read(shard_path(broken, 0)).detection(0) is not None
    with caplog.at_level(logging.WARNING):
        source(broken)
    assert not caplog.records
    ShardWriter(broken, "jpg", 100, {"head_id": head().assets.head_id}).write(0, [portrait(0)])
    with caplog.at_level(logging.WARNING):
        source(broken)
    assert "landmarks=true" in caplog.text


class EndlessPortraits(Sequence[Portrait]):
    """In the place of rendered ones."""

    seed = 9

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 2**40

    def __getitem__(self, index: Any) -> Any:
        self.asked.append(index)
        return portrait(index % 4)


def test_rendered_portraits_are_new_in_each_epoch(folder: Path) -> None:
    stored = source(folder)
    portraits = EndlessPortraits()
    rendered = RenderedFaces(portraits, 5, stored.maker.views)  # type: ignore[arg-type]
    rendered._detect = lambda _image: None
    mixed = Source([stored.faces[0], rendered], stored.maker, 0)
    assert len(mixed) == 8
    for index in (3, 7, 8 + 3, 16 + 4):
        good(mixed[index])
    assert portraits.asked == [0, 4, 5, 11]
