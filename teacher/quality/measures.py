"""What the gate looks at in a fit, beside the head itself."""

from __future__ import annotations

from dataclasses import dataclass

from shared.quality.measures import HeadMeasures, PosedHead
from shared.quality.metrics import HeadMetrics
from teacher.evidence.records import FitResult, MapCheck
from teacher.observation.face import ObservedFace


@dataclass(frozen=True)
class FitMeasures(HeadMeasures):
    """Plain numbers of one fit; NaN where it went astray."""

    converged: bool
    map_found: float | None  # share of the vertices that the network's maps show; None without a network
    map_uv_distance: float | None  # median from these vertices to the map, in UV; None without a UV map

    @staticmethod
    def of_fit(
        face: ObservedFace, result: FitResult, head: PosedHead, metrics: HeadMetrics, check: MapCheck | None
    ) -> FitMeasures:
        """Read the numbers of one fit, without leading dimensions and on the CPU."""
        of_head = HeadMeasures.of(
            result.params,
            result.camera,
            head,
            face.landmarks_px,
            face.camera.size,
            float(result.landmark_error),
            float(result.eye_distance_m),
            metrics,
        )
        distances = () if check is None else check.uv_distance
        return FitMeasures(
            **vars(of_head),
            converged=bool(result.converged),
            map_found=None if check is None else check.found,
            map_uv_distance=distances[len(distances) // 2] if distances else None,
        )
