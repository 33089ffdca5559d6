"""Limits of the quality gate, for fits and for predictions."""

from __future__ import annotations

from dataclasses import dataclass

from shared.config.option import option


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
