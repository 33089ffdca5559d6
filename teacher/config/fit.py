"""Options of the fit: its energy, its solver, its ways to see."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.config.option import option, require_positive


@dataclass(frozen=True)
class SolverConfig:
    """Levenberg-Marquardt."""

    max_steps: int = option(30, "steps at most, accepted or not")
    damping: float = option(1e-6, "initial lambda, relative to the diagonal of J^T J")
    tolerance: float = option(1e-4, "stop when less than this share of the energy is left to gain")


@dataclass(frozen=True)
class DenseConfig:
    """What the priors see of the head's vertices. Pixel deviations are in units of the outer eye corners' distance.

    A network says itself how far off each pixel may be; its errors are alike over whole patches of the face, so that
    many vertices together say less than their number.
    """

    stride: int = option(2, "every so many vertices are compared: neighbours say nearly the same")
    pixel_factor: float = option(1.0, "deviation of a pixel over what the network says")
    pixel_std: float = option(0.02, "deviation that is added to it, independent from vertex to vertex")
    pixel_bias_std: float = option(0.2, "deviation of pixels that whole patches of the face share")
    pixel_bias_length_m: float = option(0.04, "distance over which it is correlated, metres")
    normal_bias_std: float = option(0.08, "deviation of normals that whole patches of the face share, radians")
    normal_bias_length_m: float = option(0.02, "distance over which it is correlated, metres")
    normal_turn_std: float = option(0.05, "deviation of normals that the whole head shares as a turn, radians")
    bias_modes: int = option(24, "fields that stand for each of them")
    normal_factor: float = option(2.0, "deviation of a normal over what the network says")
    normal_std: float = option(0.2, "deviation that is added to it, radians")
    contour_std: float = option(0.1, "deviation of the silhouette from the rim of the head")
    robust_threshold: float = option(2.0, "deviations beyond this many standard deviations count linearly")


@dataclass(frozen=True)
class FitConfig:
    """The fit. Each term has one weight, the standard deviation of what it measures."""

    landmark_noise: float = option(0.7, "deviation of landmarks, over what was measured of the landmarker on this head")
    blendshape_factor: float = option(0.5, "deviation of the landmarker's blendshapes, over what was measured of them")
    hidden_factor: float = option(1.0, "noise of points that face away, beside what was measured by yaw")
    robust_threshold: float = option(2.0, "deviations beyond this many standard deviations count linearly")
    shape_std: float = option(1.0, "prior on each shape code")
    identity_factor: float = option(1.0, "deviation of an identity predicted from a picture, over what it says itself")
    expression_factor: float = option(
        1.0, "deviation of an expression predicted from a picture, over what it says itself"
    )
    shared_error: float = option(0.3, "correlation of what is wrongly seen in two pictures of one person or moment")
    expression_std: float = option(0.7, "prior on each expression code, over what the head knows of expressions")
    jaw_factor: float = option(2.0, "deviation of the jaw, over what the head knows of it")
    asymmetry_std_m: float = option(2e-3, "rms distance of the neutral face from its mirror image, metres")
    principal_std: float = option(0.005, "prior on the principal point, in focal lengths")
    eyelid_std: float = option(0.3, "prior on the eyelids, where the head knows none")
    jaw_std: tuple[float, float, float] = option((0.2, 0.05, 0.05), "of the jaw, likewise: opening, sideways, roll")
    neck_std: float = option(0.05, "prior on the neck, rad; landmarks cannot distinguish it from the head's rotation")
    eye_std: float = option(0.2, "prior on each eyeball's rotation, rad")
    acceleration_std: float = option(2.0, "in a clip: acceleration of points on the skin, m/s^2")
    basis_tolerance_m: float = option(1.5e-4, "shapes that move what is seen by less than this (rms, metres) stay zero")
    expression_tolerance_m: float = option(3e-5, "expressions, by the most that they move lids, lips or brows")
    dense: DenseConfig = field(default_factory=DenseConfig)
    solver: SolverConfig = field(default_factory=SolverConfig)


@dataclass(frozen=True)
class ClipConfig:
    """A clip as one problem."""

    max_gap_s: float = option(1.0, "a face that is lost for so long at most is interpolated", formerly="bridge_s")
    identity_frames: int = option(32, "frames, spread over the clip, that the identity is found from")
    window: int = option(128, "frames that are fitted at once")
    overlap: int = option(24, "frames that neighbouring windows share")

    def __post_init__(self) -> None:
        require_positive(self, "identity_frames", "window")
        if not 0 <= self.overlap < self.window:
            raise ValueError(f"overlap must lie in 0 to window - 1, got {self.overlap} of {self.window}")


@dataclass(frozen=True)
class LookupConfig:
    """Vertices in a UV map."""

    gate: float = option(0.02, "UV distance beyond which a pixel says nothing of a vertex; 0.01 is 6.6 mm on the face")
    radius: int = option(1, "pixels around the nearest one that a plane is fitted to")
    reach: float = option(0.08, "share of the crop's side that a vertex may be away from where the mean head has it")
    nearest_gate: float = option(0.00707, "correspondences=nearest: the gate; square root of 5e-5 as in the paper")
    nearest_std: float = option(0.012, "and the deviation of its pixels, share of the crop's side")
    uv_std: float = option(0.007, "deviation of UV where a network does not say it")
    normal_std: float = option(0.2, "deviation of normals where a network does not say it, radians")


@dataclass(frozen=True)
class FocalConfig:
    """The search for a focal length that is not known."""

    estimate: bool = option(True, "false leaves it where fov_deg puts it")
    reach: float = option(0.6, "the fit is tried at so much less and more of the assumed inverse focal length")
    steps: int = option(3, "steps of the solver there, from the fit at the assumed one")
    typical_35mm: float = option(45.0, "the most frequent focal length, as 35 mm equivalent")
    log_std: float = option(0.5, "standard deviation of its logarithm")
    shortest_35mm: float = option(16.0, "none is taken to be shorter")
    longest_35mm: float = option(150.0, "nor longer")

    def __post_init__(self) -> None:
        require_positive(self, "steps")
        if not (0 < self.reach < 1 and self.log_std > 0 and 0 < self.shortest_35mm < self.longest_35mm):
            raise ValueError("needed: 0 < focal.reach < 1, focal.log_std > 0, 0 < shortest_35mm < longest_35mm")


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
