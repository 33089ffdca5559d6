"""Options of the student in use: on photos, clips and cameras."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from shared.config.camera import CameraConfig
from shared.config.option import option
from shared.config.quality import QualityConfig
from shared.config.refine import RefineConfig


@dataclass(frozen=True)
class TrackConfig:
    """When a face that is followed from frame to frame is looked at again, and when it counts as lost."""

    check_every: int = option(10, "frames after which a network of the picture alone is checked by MediaPipe's score")
    uncertainty: float = option(
        0.3, "and at once where its stated deviations grow by this, natural logarithm", formerly="doubt"
    )
    growth: float = option(1.3, "or the face by this factor from one frame to the next")
    inside: float = option(0.4, "share of the landmarks inside the picture below which the face has left it")
    overlap: float = option(0.15, "intersection over union of the face's box with that of the frame before, at least")
    remember_s: float = option(1.0, "a face found again so soon, where it was, is the same; later the largest counts")
    search_s: float = option(0.5, "a lost face is looked for in the whole picture each frame, and thoroughly so often")

    def __post_init__(self) -> None:
        if self.check_every < 1 or self.growth <= 1 or not 0 <= self.inside < 1:
            raise ValueError("needed: track.check_every >= 1, track.growth > 1, 0 <= track.inside < 1")


@dataclass(frozen=True)
class SmoothConfig:
    """One-Euro filters: for each group the cutoff at rest in Hz, and how many Hz more per unit of its speed."""

    rotation: tuple[float, float] = option((1.5, 10.0), "of the head; Hz, Hz per rad/s")
    place: tuple[float, float] = option((2.0, 200.0), "across the line of sight; Hz, Hz per rad/s seen by the camera")
    depth: tuple[float, float] = option((1.0, 20.0), "along it, logarithm; Hz, Hz per 1/s")
    expression: tuple[float, float] = option((2.5, 4.0), "each code; Hz, Hz per code unit/s")
    jaw: tuple[float, float] = option((2.5, 12.0), "Hz, Hz per rad/s")
    neck: tuple[float, float] = option((0.5, 4.0), "Hz, Hz per rad/s")
    eyes: tuple[float, float] = option((2.0, 10.0), "each eyeball; Hz, Hz per rad/s")
    eyelids: tuple[float, float] = option((4.0, 8.0), "each lid; Hz, Hz per 1/s")
    speed_hz: float = option(2.0, "cutoff of the speeds")
    identity_s: float = option(10.0, "over which the person's shape is averaged")
    new_subject: float = option(
        1.0, "a face that comes back so many stated deviations off (rms) is another person", formerly="stranger"
    )

    def __post_init__(self) -> None:
        groups = (self.rotation, self.place, self.depth, self.expression, self.jaw, self.neck, self.eyes, self.eyelids)
        if any(rest <= 0 or more < 0 for rest, more in groups) or self.speed_hz <= 0 or self.identity_s <= 0:
            raise ValueError("smooth: cutoffs and times must be positive, Hz per unit of speed not negative")


@dataclass(frozen=True)
class InferConfig(CameraConfig):
    """`student/infer.py`: a photo, a clip, a camera, or a folder of photos and clips."""

    input: str = option("???", "a photo, a clip, a folder, a text file of paths, or the number of a camera")
    out: str = option("???", "folder for the results; of a folder, finished inputs are kept")
    checkpoint: str = option("base", "base, nano, a weight file, the folder of a training run, or an .onnx file")
    flame: str | None = option(None, "path of a FLAME model file; without it the open head")
    device: str = option("auto", "auto, cpu, cuda, mps")
    runtime: Literal["auto", "torch", "onnx"] = option("auto", "what runs it; auto: ONNX Runtime on the CPU")
    landmarks: bool = option(True, "show MediaPipe's to a network that takes them; false: it places its own next crop")
    faces: Literal["largest", "all"] = option("largest", "which faces of a photo; clips follow one")
    stills: Literal["one_pass", "two_pass", "mirror"] = option("mirror", "landmarks of a photo; clips take one pass")
    refine: int = option(0, "steps of the teacher's solver after the network; 0: none")
    overlay: bool = option(True, "draw the head over every frame")
    window: bool = option(False, "show it on the screen too; q or Esc ends")
    meshes: bool = option(False, "for a clip: write a mesh of every frame")
    realtime: bool = option(False, "play a clip at its own rate, and drop frames as a camera does")
    seconds: float | None = option(None, "end after so much of each clip or camera; None: at its end, or Ctrl-C")
    smooth: bool = option(True, "filter the predictions of neighbouring frames")
    overwrite: bool = option(False, "of a folder, do finished inputs again")
    threads: int = option(1, "of the network")
    filters: SmoothConfig = field(default_factory=SmoothConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    refiner: RefineConfig = field(default_factory=RefineConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.refine < 0:
            raise ValueError(f"refine must be 0 or more, got {self.refine}")
        if self.seconds is not None and self.seconds <= 0:
            raise ValueError(f"seconds must be positive, got {self.seconds}")
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, got {self.threads}")
