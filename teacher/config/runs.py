"""Options of the commands that fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from shared.config.camera import ObserveConfig
from shared.config.option import option, require_positive
from shared.config.quality import QualityConfig
from teacher.config.fit import ClipConfig, FitConfig, FocalConfig, LookupConfig


@dataclass(frozen=True)
class FitRunConfig(ObserveConfig):
    """What every run of the fit takes: the head, the machine, the fit and its gate."""

    flame: str | None = option(None, "path of a FLAME model file; without it the open head")
    prior: str = option(
        "auto", "network that sees the face: auto (the shipped one if of this head), none, a file, or several a,b"
    )
    correspondences: Literal["auto", "points", "uv_map", "nearest"] = option(
        "auto", "where vertices are: the network's points (auto, if it has any), or looked up in its UV map"
    )
    lookup: LookupConfig = field(default_factory=LookupConfig)
    identity: str = option(
        "none", "who predicts the shape of the person: none, a file of teacher/identity_train.py, or mica.tar"
    )
    batch_size: int = option(32, "faces fitted together")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")
    quality: QualityConfig = field(default_factory=QualityConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    focal: FocalConfig = field(default_factory=FocalConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "batch_size")


@dataclass(frozen=True)
class FitInputConfig(FitRunConfig):
    """`teacher/fit.py`: one picture or clip."""

    input: str = option("???", "a picture or a clip")
    out: str = option("???", "folder for the results")
    morph_targets: bool = option(False, "put the expression basis into the .glb as named morph targets")
    meshes: bool = option(False, "for a clip: write a mesh of every frame")
    clip: ClipConfig = field(default_factory=ClipConfig)


@dataclass(frozen=True)
class FitViewsConfig(FitRunConfig):
    """`teacher/fit_views.py`: several pictures of one person."""

    inputs: str = option("???", "folder of pictures, or a text file of paths; the largest face of each counts")
    out: str = option("???", "folder for the results")
    one_moment: bool = option(False, "the pictures were taken at once, so that they share the expression")
    cameras: str | None = option(None, "JSON file with the cameras of the pictures, docs/views.md; None: not known")
    morph_targets: bool = option(False, "put the expression basis into the .glb as named morph targets")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cameras is not None and not self.one_moment:
            raise ValueError("cameras= is for pictures of one moment: give one_moment=true")


@dataclass(frozen=True)
class AblationConfig(FitRunConfig):
    """`teacher/ablate.py`: variants of the fit on the synthetic benchmark."""

    out: str = option("???", "folder for table.txt and results.json")
    first: int | None = option(None, "so many of the 400 pictures, spread over people and views; all if not given")
    batch_size: int = option(16, "faces fitted together")


@dataclass(frozen=True)
class FitDatasetConfig(FitRunConfig):
    """`teacher/fit_dataset.py`: a folder becomes label shards and a report."""

    inputs: str = option("???", "folder (searched recursively), picture, clip, or a text file with one path a line")
    out: str = option("???", "folder for labels, previews and report; a restart goes on where it stopped")
    shard_size: int = option(256, "inputs a shard; a finished shard is never redone")
    seed: int = option(0, "seed of everything random; kept with the labels")
    previews: bool = option(True, "write an overlay of every face for the report")
    vertices: bool = option(False, "also store the posed mesh of every face, 64 kB each on the open head")
    overwrite: bool = option(False, "delete what an earlier run left in out")
    processes: int = option(1, "processes on this machine, unless a launcher started several")
    threads: int = option(1, "threads a process that decode and detect while others are fitted")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "shard_size", "processes", "threads")


@dataclass(frozen=True)
class DemoConfig:
    """`teacher/demo.py`."""

    out: str = option("???", "folder for the demo's inputs and results")
    heads: int = option(8, "rendered heads with known truth beside the photo")
    seed: int = option(0, "which heads")
