"""From what the network predicts for a crop to a FLAME head in the world of the full picture's camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera, Pinhole
from shared.geometry.crop import Crop
from shared.heads.result import all_landmarks_px
from shared.plugins.refine import InitialHead
from shared.records.tensor_record import TensorRecord
from student.config import StudentNetworkConfig
from student.head.pose import SightPose, unplaced_params
from student.network.records import PicturePrediction, StudentOutput


@dataclass(frozen=True, eq=False)
class StudentSpec:
    """What one must know of a trained network to use it, whatever runs it."""

    config: StudentNetworkConfig
    basis: CodeBasis  # directions of its codes
    anchor_m: Tensor  # (3,) the point of the unposed head whose place it predicts
    head_id: str  # of the head whose coefficients it predicts


@dataclass(frozen=True)
class StudentHeads(TensorRecord):
    """B heads."""

    params: FlameParams
    camera: Camera  # of the full picture
    verts_m: Tensor  # (B, V, 3) posed, in the world of the camera
    mesh_landmarks_px: Tensor  # (B, 478, 2) MediaPipe's points on that mesh, full picture; NaN where the head has none
    shape_std: Tensor  # (B, D) how sure it is, along the directions of the spec
    expression_std: Tensor  # (B, d)
    jaw_std: Tensor  # (B, 3)
    # (B, 52) the landmarker's, in the order of `shared.landmarker.blendshapes.BLENDSHAPE_NAMES`; None: not asked
    blendshapes: Tensor | None = None

    @property
    def initial(self) -> InitialHead:
        """As a refiner takes them."""
        return InitialHead(self.params, self.camera, self.shape_std, self.expression_std, self.jaw_std)


class HeadDecoder:
    """Makes heads of one head model from what a network predicts."""

    def __init__(self, model: FlameModel, spec: StudentSpec) -> None:
        """ValueError if the model is another head than the network's."""
        if model.assets.head_id != spec.head_id:
            raise ValueError(
                f"the student predicts coefficients of head {spec.head_id}, the model is {model.assets.head_id}; "
                "give flame="
            )
        self.model, self.spec = model, spec
        self.known, self.embedding = mediapipe_embedding(model.assets)  # MediaPipe's landmarks that the head has (P,)

    def params(self, output: StudentOutput, crop: Crop, camera: Camera) -> FlameParams:
        """(B) parameters in the world of the camera of the full picture (B), from crops (B) of it."""
        seen = camera.warped(crop.affine, crop.size)
        return self._params(output, seen.focal_px, seen.center_px, camera)

    def params_in_picture(self, placed: PicturePrediction, camera: Pinhole) -> FlameParams:
        """(B) parameters in the world of the camera (B) of the picture that the predictions are placed in."""
        return self._params(placed, camera.focal_px, camera.center_px, camera)

    def _params(
        self, output: StudentOutput | PicturePrediction, focal_px: Tensor, center_px: Tensor, camera: Pinhole
    ) -> FlameParams:
        """Of predictions in pixels of a picture with focal length (B, 2) and principal point (B, 2)."""
        pose = SightPose(output.R_sight_face, output.anchor_px, output.log_scale)
        basis = self.spec.basis
        unplaced = unplaced_params(output.shape @ basis.shape.T, output.expression @ basis.expression.T, output)
        in_camera = pose.in_camera(focal_px.mean(-1), center_px)
        return in_camera.placed(unplaced, camera, self.model, self.spec.anchor_m)

    def decode(self, output: StudentOutput, crop: Crop, camera: Camera) -> StudentHeads:
        """Posed heads (B)."""
        params = self.params(output, crop, camera)
        return StudentHeads(params, camera, *self._seen(params, camera), *output.std())

    def moved(self, heads: StudentHeads, params: FlameParams) -> StudentHeads:
        """The same heads (B) with other parameters, such as refined ones."""
        verts, landmarks = self._seen(params, heads.camera)
        return replace(heads, params=params, verts_m=verts, mesh_landmarks_px=landmarks)

    def _seen(self, params: FlameParams, camera: Camera) -> tuple[Tensor, Tensor]:
        """Vertices (B, V, 3), and MediaPipe's points (B, 478, 2) in the picture."""
        verts = self.model(params).verts_m
        points_px = camera.project(self.embedding.positions(verts, self.model.assets.faces))
        return verts, all_landmarks_px(points_px, self.known, N_MEDIAPIPE)
