"""Options of the student: network, training, live use, export."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from shared.config.option import option, require_positive
from shared.config.training import TrainingConfig


@dataclass(frozen=True)
class StudentNetworkConfig:
    """What the network sees, and how large it is."""

    backbone: str = option(
        "face_landmarks",
        "encoder of the picture: face_landmarks (the landmarker's), a timm name, none (landmarks alone)",
    )
    pretrained: str = option(
        "landmarker", "of the backbone: landmarker, prior (the shipped prior's), hub, none, lite0 (a package), a path"
    )
    size: int = option(192, "height and width of the crop in pixels")
    margin: float = option(1.5, "side of the crop / longer side of the landmarks' box")
    landmarks: bool = option(True, "take MediaPipe's landmarks too, where they are known; false: the picture alone")
    blendshapes: bool = option(True, "take the landmarker's blendshapes too, where landmarks are known")
    cells: int = option(16, "channels of the encoder's last features that are read place by place")
    width: int = option(320, "of the layers behind the encoder")
    layers: int = option(3, "of them")
    dropout: float = option(0.02, "of what they read, while training")
    tolerance_m: float = option(3e-4, "directions of codes that move the face by less than this (rms) are left out")

    def __post_init__(self) -> None:
        require_positive(self, "size", "cells", "width", "layers")
        if self.backbone == "none" and not self.landmarks:
            raise ValueError("backbone=none needs landmarks=true: there would be nothing to see")
        if self.blendshapes and not self.landmarks:
            raise ValueError("blendshapes come with landmarks: give blendshapes=false with landmarks=false")
        if self.margin < 1:
            raise ValueError(f"margin must be at least 1, got {self.margin}")


@dataclass(frozen=True)
class StudentDataConfig:
    """What is trained on. Sources are mixed by their number of faces times their weight."""

    labels: tuple[str, ...] = option((), "folders of teacher/fit_dataset.py")
    portraits: tuple[str, ...] = option((), "folders of python -m shared.synthetic landmarks=true")
    label_weight: float = option(1.0, "how often a labelled face is shown, against once an epoch")
    portrait_weight: float = option(1.0, "the same of a rendered one")
    drawn: int = option(0, "heads drawn like those of portraits, without pictures, for a network of landmarks alone")
    drawn_seed: int = option(501, "their series")
    landmarks: Literal["simulated", "detected"] = option(
        "simulated",
        "of portraits: the truth with the landmarker's errors on real heads, or what it found on the portrait",
    )
    landmark_factor: float = option(0.7, "simulated errors of landmarks, over what was measured")
    pictures: str | None = option(None, "folder of the labelled pictures; None: where the label run found them")
    landmark_share: float = option(0.8, "share of the samples that see landmarks, where the network takes them")
    blendshape_share: float = option(0.9, "share of those that see blendshapes too")
    focal_jitter: float = option(0.2, "standard deviation of the log focal length that the network is given")
    held: int = option(40, "every so manieth picture is kept for validation; 0: none")


@dataclass(frozen=True)
class StudentAugmentConfig:
    """How crops are varied. Parameters follow."""

    roll_deg: float = option(12.0, "rotation in the picture plane, standard deviation")
    log_scale: float = option(0.08, "standard deviation of the crop's log size")
    shift: float = option(0.04, "standard deviation of its place, share of its side")
    mirror: float = option(0.5, "share of mirrored crops")
    photometric: float = option(0.6, "chance of each group of colour, blur, noise and compression changes")
    cover: float = option(0.2, "share of crops with a rectangle or ellipse of noise or picture over them")
    landmark_noise: float = option(0.0, "of landmarks beside what is simulated, deviation as share of the eye distance")


@dataclass(frozen=True)
class StudentLossConfig:
    """One weight a term. Distances count in millimetres on the head."""

    vertices: float = option(1.0, "posed face in the head's own axes")
    neutral: float = option(1.0, "the same without expression")
    detail: float = option(2.0, "how many times more vertices of lids and lips count there")
    landmarks: float = option(0.5, "landmarks in the picture")
    rotation: float = option(20.0, "the face against the line of sight, radians")
    place: float = option(0.5, "where the face is in the picture")
    size: float = option(20.0, "how large it is there, logarithm")
    codes: float = option(0.3, "likelihood of shape, expression and jaw codes with the stated deviation")
    eyes: float = option(10.0, "directions of the eyes, radians")
    lids: float = option(3.0, "eyelid codes")
    neck: float = option(2.0, "rotation of the neck, radians")
    closure: float = option(0.5, "distance of upper and lower lids and lips")
    identity: float = option(1.0, "neutral faces of one person against each other")


@dataclass(frozen=True)
class StudentTrainConfig(TrainingConfig):
    """`student/train.py`."""

    network: StudentNetworkConfig = field(default_factory=StudentNetworkConfig)
    initial: str | None = option(
        None, "weights to start from: base, nano or a file; nano's will do for base's landmarks"
    )
    data: StudentDataConfig = field(default_factory=StudentDataConfig)
    augment: StudentAugmentConfig = field(default_factory=StudentAugmentConfig)
    loss: StudentLossConfig = field(default_factory=StudentLossConfig)
    flame: str | None = option(None, "path of a FLAME model file; without it the open head")


@dataclass(frozen=True)
class StudentDemoConfig:
    """`student/demo.py`."""

    out: str = option("???", "folder for the demo's inputs and results")
    checkpoint: str = option("base", "base, nano, a weight file, the folder of a training run, or an .onnx file")
    frames: int = option(90, "of the clip that is rendered")
    size: int = option(384, "its height and width in pixels")
    seed: int = option(92, "which person and motion")

    def __post_init__(self) -> None:
        require_positive(self, "frames", "size")
