from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shared.flame.params import FlameParams
from shared.labels.shard import (
    SCHEMA,
    Cameras,
    LabelError,
    LabelShard,
    empty_shard,
    join,
    read_labels,
    read_shard,
    shard_name,
    write_shard,
)
from shared.records.tensor_files import read_tensors, write_tensors

# What labels of schemas 2 and 3 call the same.
FORMER_NAMES = {"detected_landmarks_px": "landmarks_px", "quality": "score", "map_found": "seen"}
PROVENANCE = {"head_id": "abc", "config_hash": "123", "git_sha": "f00"}


def random_shard(count: int, seed: int = 0, n_vertices: int | None = None) -> LabelShard:
    generator = torch.Generator().manual_seed(seed)
    shard = empty_shard(7, 5, n_vertices)

    def fill(tensor: torch.Tensor) -> torch.Tensor:
        size = (count, *tensor.shape[1:])
        if tensor.is_floating_point():
            return torch.randn(size, generator=generator)
        return torch.randint(100, 4000, size, generator=generator)

    ids = tuple(f"é'{seed}/{k}.jpg#0" for k in range(count))
    sources = ("exif", "assumed", "given", "estimated", "exif")[:count]
    return replace(shard.map(fill), ids=ids, focal_sources=sources)


def tensors_of(shard: LabelShard) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    shard.map(lambda tensor: found.append(tensor) or tensor)
    return found


@pytest.mark.parametrize("n_vertices", [None, 9])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_round_trip(tmp_path: Path, count: int, n_vertices: int | None) -> None:
    shard = random_shard(count, n_vertices=n_vertices)
    read = read_shard(write_shard(tmp_path / shard_name(0, 1), shard, PROVENANCE))
    assert (read.ids, read.focal_sources) == (shard.ids, shard.focal_sources)
    assert (read.verts_m is None) == (n_vertices is None)
    assert PROVENANCE.items() <= dict(read.provenance).items()
    for got, want in zip(tensors_of(read), tensors_of(shard), strict=True):
        assert torch.equal(got, want)


def test_shards_of_schema_2_are_read_without_blendshapes(tmp_path: Path) -> None:
    new = random_shard(2)
    path = write_shard(tmp_path / "a.safetensors", new, PROVENANCE)
    tensors, header = read_tensors(path, SCHEMA)
    del tensors["blendshapes"]
    for name, former in FORMER_NAMES.items():
        tensors[former] = tensors.pop(name)
    old = read_shard(write_tensors(path, tensors, header | {"schema": "pixel3dmm-distill/labels/2"}))
    assert old.blendshapes is None
    assert torch.equal(old.detected_landmarks_px, new.detected_landmarks_px)
    assert join([old, random_shard(0), new]).blendshapes is None  # some rows have none
    joined = join([new, replace(random_shard(0), blendshapes=None), new]).blendshapes
    assert joined is not None
    assert joined.shape == (4, 52)


def test_labels_of_schema_3_keep_their_meaning(tmp_path: Path) -> None:
    new = random_shard(3)
    path = write_shard(tmp_path / "a.safetensors", new, PROVENANCE)
    tensors, header = read_tensors(path, SCHEMA)
    for name, former in FORMER_NAMES.items():
        tensors[former] = tensors.pop(name)
    old = read_shard(write_tensors(path, tensors, header | {"schema": "pixel3dmm-distill/labels/3"}))
    for got, want in zip(tensors_of(old), tensors_of(new), strict=True):
        assert torch.equal(got, want)
    with pytest.raises(LabelError, match="lacks"):  # today's schema has today's names
        read_shard(write_tensors(path, {**tensors}, header))


def test_tensors_are_named_as_the_fields(tmp_path: Path) -> None:
    stored = load_file(write_shard(tmp_path / "a.safetensors", random_shard(2), PROVENANCE))
    assert {field.name for field in fields(FlameParams)} | {field.name for field in fields(Cameras)} <= stored.keys()
    assert {"crop.affine", "detected_landmarks_px", "confidence", "quality"} <= stored.keys()
    assert stored["size"].dtype == torch.int64


def test_equal_labels_give_equal_bytes_in_another_process(tmp_path: Path) -> None:
    here = write_shard(tmp_path / "here.safetensors", random_shard(3), PROVENANCE)
    code = (
        "import sys; from pathlib import Path; from tests.test_labels import *; "
        "write_shard(Path(sys.argv[1]), random_shard(3), dict(reversed(PROVENANCE.items())))"
    )
    there = tmp_path / "there.safetensors"
    subprocess.run([sys.executable, "-c", code, str(there)], check=True, cwd=Path(__file__).parents[1])
    assert here.read_bytes() == there.read_bytes()


def test_labels_of_a_folder_are_joined_in_order(tmp_path: Path) -> None:
    shards = [random_shard(3, 0), random_shard(0, 1), random_shard(2, 2)]
    for index in (2, 0, 1):
        write_shard(tmp_path / "labels" / shard_name(index, 3), shards[index], PROVENANCE)
    read = read_labels(str(tmp_path))
    assert read.ids == join(shards).ids
    assert read.focal_sources == ("exif", "assumed", "given", "exif", "assumed")
    assert torch.equal(read.params.shape, torch.cat([shard.params.shape for shard in shards]))
    assert len(read) == 5
    assert read.cameras.camera(1).size == tuple(shards[0].cameras.size[1].tolist())


def test_nothing_not_finite_is_written(tmp_path: Path) -> None:
    shard = random_shard(3)
    shard.params.jaw[1, 0] = float("nan")
    with pytest.raises(ValueError, match=r"jaw is not finite for é'0/1.jpg#0"):
        write_shard(tmp_path / "a.safetensors", shard, PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_wrong_number_of_ids(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 rows, but there are 2 ids"):
        write_shard(tmp_path / "a.safetensors", replace(random_shard(3), ids=("a", "b")), PROVENANCE)


def test_unusable_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "00000.safetensors"
    with pytest.raises(LabelError, match="no label shards"):
        read_labels(tmp_path)
    path.write_bytes(b"hello")
    with pytest.raises(LabelError, match=r"00000\.safetensors cannot be read"):
        read_shard(path)
    write_shard(path, random_shard(1), {**PROVENANCE, "schema": "pixel3dmm-distill/labels/1"})
    with pytest.raises(LabelError, match="is of pixel3dmm-distill/labels/1, this version reads"):
        read_shard(path)


def test_labels_of_different_heads_do_not_mix(tmp_path: Path) -> None:
    for index, head in enumerate(("a", "b")):
        write_shard(tmp_path / shard_name(index, 2), random_shard(1, index), {**PROVENANCE, "head_id": head})
    with pytest.raises(LabelError, match="different heads"):
        read_labels(tmp_path)
