"""Options of the commands that fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from shared.config.camera import ObserveConfig
from shared.config.option import option, require_positive
from teacher.config.fit import ClipConfig, FitConfig, FocalConfig, LookupConfig


@dataclass(frozen=True)
class QualityConfig:
    """Limits of the quality gate; what lies beyond one of them gets no label, and the report says which.

    Those of landmarks and drift were set by millimetres (docs/datasets.md). Fits to 283 rendered portraits, 2 mm off
    the truth, have errors of up to 6 % and a drift of up to 1.6; five photos, 3.4 % and 1.2. Of fits to landmarks
    with noise most are over 5 mm off beyond 6 %, or beyond a drift of 3.5. The landmark network draws a plausible
    face on anything, which fits with 2 to 5 %: what is no face must be kept out by the detector, or by what the
    prior's maps show of it.
    """

    landmark_error: float = option(0.06, "mean landmark distance / that of the outer eye corners seen from the front")
    shape_rms: float = option(1.5, "rms of the shape codes; random heads have 1, fits less")
    expression_rms: float = option(2.5, "rms of the expression codes; the strongest expressions reach 2")
    largest_code: float = option(6.0, "of shape and expression; one of 100,000 heads has a code beyond 5.6")
    drift: float = option(3.5, "reach of the neutral head along an expression; one of 200 heads goes farther")
    stretched: float = option(0.02, "share of the mesh at twice its length; a laugh with open mouth reaches 0.01")
    eye_distance_mm: tuple[float, float] = option((52.0, 75.0), "eyeball centres; adults: 63.4 and three deviations")
    eye_distance_px: float = option(20.0, "outer eye corners at least so far apart in the picture")
    inside: float = option(0.75, "share of the landmarks that lie inside the picture, at least")
    distance_m: float = option(0.15, "eyes at least so far in front of the camera; lenses do not focus nearer")
    jaw_deg: float = option(40.0, "rotation of the jaw; a wide open mouth is about 30 degrees")
    neck_deg: float = option(60.0, "rotation of the neck; turned as far as it goes it is about 70, pictures show less")
    yaw_deg: float = option(100.0, "the head against the camera; mirrored landmarks fit a head seen from behind")
    map_found: float = option(0.1, "share of the vertices that the network sees, at least; clear faces 0.3 to 0.6")
    map_uv_distance: float = option(0.015, "median distance of the vertices to the UV map; clear faces 0.003 to 0.007")

    def __post_init__(self) -> None:
        angles = ("jaw_deg", "neck_deg", "yaw_deg")
        others = ("landmark_error", "largest_code", "drift", "stretched", "eye_distance_px", "distance_m")
        for name in (*others, *angles, "map_found", "map_uv_distance"):
            if not getattr(self, name) > 0:
                raise ValueError(f"quality.{name} must be positive, got {getattr(self, name)}")
        if not (self.shape_rms > 1 and self.expression_rms > 1):
            raise ValueError("quality.shape_rms and quality.expression_rms must be above 1, which every head may have")
        if not 0 <= self.inside < 1:
            raise ValueError(f"quality.inside must lie in [0, 1), got {self.inside}")
        if not self.eye_distance_mm[0] < self.eye_distance_mm[1]:
            raise ValueError(f"quality.eye_distance_mm must be [low,high], got {list(self.eye_distance_mm)}")


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
