"""A network that separates identity from expression: from positions of landmarks and vertices to coefficients.

It is trained on portraits, where identity and expression are known apart. It sees what the fit sees, and nothing else:
landmarks, and the points and normals of the prior that it was trained behind. The pose is taken out beforehand as far
as a closed form can, without any focal length, so that what it says does not depend on one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shared.flame.code_basis import CodeBasis
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.flame.schema import FlameAssets
from shared.geometry.face_crop import R_sight_world
from shared.geometry.initial_pose import scaled_orthography
from shared.geometry.meshes import vertex_normals
from shared.records.tensor_record import TensorRecord
from teacher.evidence.records import DenseEvidence, ExpressionEvidence, FaceEvidence, IdentityEvidence

_LOG_STD = (-3.0, 0.5)
_CM = 100.0
_JAW = 3
_AXES = (1.0, -1.0, -1.0)  # from the head's axes to those of a picture: x right, y down, z away


@dataclass(frozen=True)
class IdentityView(TensorRecord):
    """A face as the network takes it, in pixels of any picture; only what they are to each other counts."""

    landmarks_px: Tensor  # (..., 478, 2)
    pixel_px: Tensor  # (..., N, 2) of the vertices, also where they are not seen
    normal: Tensor  # (..., N, 3) unit, of the frame "crop"
    seen: Tensor  # (..., N) bool

    @staticmethod
    def of(evidence: FaceEvidence, dense: DenseEvidence) -> IdentityView:
        """Of a fit's evidence (B rows), normals in the world's axes."""
        normal = dense.normal @ R_sight_world(evidence.camera).transpose(-1, -2)
        return IdentityView(evidence.landmarks_px, dense.pixel_px, normal, torch.isfinite(dense.pixel_std_px))


@dataclass(frozen=True)
class Template(TensorRecord):
    """The mean head's landmarks and vertices in a picture's axes, which views are compared with."""

    known: Tensor  # (P,) int64, which of MediaPipe's landmarks
    landmarks_m: Tensor  # (P, 3) about their middle
    to_affine: Tensor  # (4, P) from pixels to the affine view that fits them best
    vertices_m: Tensor  # (N, 3)
    normals: Tensor  # (N, 3)

    @staticmethod
    def of(assets: FlameAssets, vertices: Tensor) -> Template:
        """Of vertices (N,) of a head."""
        axes = torch.tensor(_AXES)
        known, embedding = mediapipe_embedding(assets)
        landmarks = embedding.positions(assets.v_template, assets.faces)
        middle = landmarks.mean(0)
        places = (landmarks - middle) * axes
        to_affine = torch.linalg.pinv(torch.cat([places, torch.ones_like(places[:, :1])], 1))
        normals = vertex_normals(assets.v_template, assets.faces)[vertices] * axes
        return Template(known, places, to_affine, (assets.v_template[vertices] - middle) * axes, normals)

    @property
    def blocks(self) -> tuple[int, ...]:
        """Sizes of the features' parts: places of landmarks and vertices, normals, what is seen, the rotation."""
        landmarks, vertices = len(self.landmarks_m), len(self.vertices_m)
        return (2 * landmarks, 2 * vertices, 3 * vertices, vertices, 9)

    def features(self, view: IdentityView) -> Tensor:
        """(B, F): how far the view differs from the mean head in its pose, and that pose."""
        marks = view.landmarks_px[:, self.known]
        rotation, scale, shift = scaled_orthography(self.to_affine, marks)

        def off(places_px: Tensor, rest_m: Tensor) -> Tensor:
            posed = (rest_m @ rotation.transpose(1, 2))[..., :2]
            return _CM * ((places_px - shift[:, None]) / scale[:, None, None] - posed).flatten(1)

        turned_back = (view.normal @ rotation - self.normals) * view.seen[..., None]
        return torch.cat(
            [
                off(marks, self.landmarks_m),
                off(view.pixel_px, self.vertices_m),
                turned_back.flatten(1),
                view.seen.to(marks),
                rotation.flatten(1),
            ],
            1,
        )


@dataclass(frozen=True)
class Targets(TensorRecord):
    """What is predicted for a head: shape and expression codes along directions that move the face, and the jaw."""

    shape: Tensor  # (S, D) orthonormal
    expression: Tensor  # (E, e) orthonormal

    @staticmethod
    def of(model: FlameModel, tolerance_m: float) -> Targets:
        """Directions, the strongest first, until the rest moves the face by less than the tolerance (rms)."""
        points = FlamePoints.from_vertices(model, model.assets.region("face").nonzero()[:, 0])
        basis = CodeBasis.of(points.displacements(), points.sizes, tolerance_m)
        return Targets(basis.shape, basis.expression)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Of shape, expression and jaw among the T targets."""
        return self.shape.shape[1], self.expression.shape[1], _JAW

    def matrix(self) -> Tensor:
        """(S + E + 3, T) from all codes and the jaw's rotation to the targets."""
        return torch.block_diag(self.shape, self.expression, torch.eye(_JAW).to(self.shape))


class IdentityNetwork(nn.Module):
    """A linear map and, beside it, one hidden layer.

    Args:
        n_features: F.
        width: of the hidden layer.
        targets: what it predicts, T numbers.
        dropout: of features and hidden layer, while training.
    """

    def __init__(self, n_features: int, width: int, targets: Targets, dropout: float = 0.0) -> None:
        super().__init__()
        n_targets = sum(targets.sizes)
        self.shape = nn.Buffer(targets.shape)
        self.expression = nn.Buffer(targets.expression)
        self.unit = nn.Buffer(torch.ones(n_targets))  # spread of each target among people
        self.straight = nn.Linear(n_features, n_targets)
        self.hidden = nn.Linear(n_features, width)
        self.out = nn.Linear(width, 2 * n_targets)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.straight, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    @property
    def targets(self) -> Targets:
        """What it information."""
        return Targets(self.shape, self.expression)

    def set_straight(self, weight: Tensor, bias: Tensor) -> None:
        """Take the linear map (T, F), (T,), in units of `unit`, as it is."""
        self.straight.requires_grad_(False)
        self.straight.weight.copy_(weight)
        self.straight.bias.copy_(bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, F) -> mean and standard deviation (B, T) of the targets."""
        hidden = self.dropout(nn.functional.gelu(self.hidden(self.dropout(features))))
        more, log_std = self.out(hidden).chunk(2, -1)
        return (self.straight(features) + more) * self.unit, log_std.clamp(*_LOG_STD).exp() * self.unit

    def predict(self, features: Tensor) -> tuple[IdentityEvidence, ExpressionEvidence]:
        """The same as evidence (B rows)."""
        mean, std = (output.split(self.targets.sizes, -1) for output in self(features))
        return IdentityEvidence(mean[0], std[0]), ExpressionEvidence(mean[1], std[1], mean[2], std[2])
