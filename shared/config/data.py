"""Options of rendered portraits and of the evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.config.option import option, require_not_negative, require_positive


@dataclass(frozen=True)
class SyntheticConfig:
    """`python -m shared.synthetic`: rendered portraits with exact truth."""

    out: str = option("???", "folder for pictures and truth; a restart goes on where it stopped")
    count: int = option(1000, "pictures")
    size: int = option(256, "height and width in pixels")
    seed: int = option(0, "the series; picture i of a series is always the same")
    per_person: int = option(1, "pictures of each person in a row")
    makehuman_assets: str | None = option(None, "folder with MakeHuman's asset pack; without it all is procedural")
    backgrounds: str | None = option(None, "folder of pictures to mix with the drawn backgrounds")
    landmarks: bool = option(False, "also store where MediaPipe finds its 478 landmarks on each picture")
    image_format: Literal["jpg", "webp"] = option("jpg", "of the pictures; the truth is stored without loss")
    quality: int = option(95, "of that format, 1 to 100; compression is also among what the pictures show")
    shard_size: int = option(200, "pictures a shard; a finished shard is never redone")
    flame: str | None = option(None, "path of a FLAME model file; without it the open head")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")
    processes: int = option(1, "processes on this machine, unless a launcher started several")
    overwrite: bool = option(False, "delete what an earlier run left in out")

    def __post_init__(self) -> None:
        require_positive(self, "count", "per_person", "shard_size", "processes")
        if self.size < 32:
            raise ValueError(f"size must be at least 32 pixels, got {self.size}")
        require_not_negative(self, "seed")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality must lie in 1 to 100, got {self.quality}")


@dataclass(frozen=True)
class EvaluateConfig:
    """`python -m shared.evaluate`."""

    method: str = option("???", "mean_head, landmarks, or package.module:factory of your own")
    set: str = option(
        "benchmark", "real_heads, benchmark, a folder of scans or of photos, or package.module:factory of your own"
    )
    out: str = option("???", "folder for the results; a restart goes on where it stopped")
    path: str | None = option(None, "set=real_heads: the folder that holds people/, docs/benchmark.md")
    part: Literal["calibrate", "judge", "all"] = option("judge", "set=real_heads: which of its people")
    expressions: tuple[str, ...] = option((), "set=real_heads: pictures of these alone, such as [neutral,smile]")
    flame: str | None = option(None, "path of the FLAME model file the method works with; without it the open head")
    method_options: tuple[str, ...] = option(
        (), "options of landmarks and teacher, as of teacher/fit.py: [fit.landmark_noise=0.5,fit.eyelid_std=1]"
    )
    focal: Literal["known", "guessed"] = option("known", "whether the method is given the camera, where it is known")
    first: int | None = option(None, "only the first pictures of the set, for a try")
    submission: Literal["none", "nersemble", "now"] = option(
        "none", "write the method's meshes of the benchmark's folder set= for its server, instead of a score"
    )
    processes: int = option(1, "processes on this machine, unless a launcher started several")
    overwrite: bool = option(False, "delete what an earlier run left in out")

    def __post_init__(self) -> None:
        require_positive(self, "processes")
        if (self.set == "real_heads") != (self.path is not None):
            raise ValueError("set=real_heads and path=FOLDER go together")
        if self.first is not None:
            require_positive(self, "first")
            if self.submission != "none":
                raise ValueError(f"leave out first=: a submission to {self.submission} needs all pictures")


@dataclass(frozen=True)
class RenderIctConfig:
    """`python -m shared.evaluate.ict`."""

    ict: str = option("???", "a checkout of the public repository ICT-FaceKit, or the same data packed as .npz")
    out: str = option("???", "folder for people/; a restart goes on where it stopped")
    people: int = option(40, "people, four faces and 24 pictures each")
    judge: int = option(12, "the last so many of them are only for judging, the others to calibrate with")
    seed: int = option(0, "the series; person i of a series is always the same")
    overwrite: bool = option(False, "delete what an earlier run left in out")

    def __post_init__(self) -> None:
        require_positive(self, "people", "judge")
        if self.judge >= self.people:
            raise ValueError(f"judge must be less than people, got {self.judge} of {self.people}")
        require_not_negative(self, "seed")
