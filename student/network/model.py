"""The student: a crop, landmarks and blendshapes where they are known, or both, to a head in one pass.

Landmarks give a pose in closed form, which the network corrects; without them it starts from a frontal face in the
middle of the crop. Coefficients are predicted along the directions that move the face, each with the error it expects.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.flame.code_basis import CodeBasis
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.flame.segmentation import FACE_PARTS, face_parts
from shared.networks.backbones import input_statistics
from student.config import StudentNetworkConfig
from student.network.blendshape_view import BlendshapeView
from student.network.landmark_view import LandmarkView, orthonormal_rows
from student.network.records import StudentInput, StudentOutput

_LOG_STD = (-3.5, 1.0)
_CM = 0.01
_MOVING = ("left_eye", "right_eye", "left_brow", "right_brow", "mouth")  # each weighs as much as the whole face
# What an output of 1 means: a typical deviation of each quantity.
_UNITS = {"eyelids": 0.3, "neck": 0.2, "jaw": 0.1, "eyes": 0.2, "rotation": 0.3, "anchor": 1.0, "scale": 0.1}


@dataclass(frozen=True)
class HeadLayout:
    """What the network knows of the head it predicts."""

    basis: CodeBasis  # directions of its codes
    view: LandmarkView
    units: BlendshapeView

    @staticmethod
    def of(model: FlameModel, tolerance_m: float) -> HeadLayout:
        """Of a head with a region "face" and MediaPipe's landmarks. KeyError or ValueError if it lacks one."""
        known, embedding = mediapipe_embedding(model.assets)
        vertices = model.assets.region("face").nonzero()[:, 0]
        part = face_parts(model.assets, known, embedding.positions(model.v_template, model.faces))[vertices]
        moving = [(part == FACE_PARTS.index(name)).nonzero()[:, 0] for name in _MOVING]
        points = FlamePoints.from_vertices(model, vertices)
        parts = [rows for rows in [*moving, torch.arange(len(vertices))] if len(rows)]
        basis = CodeBasis.of_parts(points.displacements(), points.sizes, parts, tolerance_m, tolerance_m)
        view = LandmarkView.of(known, embedding, model.v_template, model.faces)
        return HeadLayout(basis, view, BlendshapeView.of(model.assets))

    @staticmethod
    def empty(basis: CodeBasis, landmarks: int, units: int) -> HeadLayout:
        """For this many landmarks and blendshapes, to load weights into."""
        view = LandmarkView(torch.zeros(landmarks, dtype=torch.int64), torch.eye(landmarks, 3))
        basis = CodeBasis(torch.zeros_like(basis.shape), torch.zeros_like(basis.expression))
        return HeadLayout(basis, view, BlendshapeView.empty(units))


class StudentNetwork(nn.Module):
    """See the module.

    Args:
        config: sizes.
        layout: of the head.
        backbone: a timm encoder with features at its strides; None for a network of landmarks alone.
    """

    def __init__(self, config: StudentNetworkConfig, layout: HeadLayout, backbone: nn.Module | None) -> None:
        super().__init__()
        self.config, self.view = config, layout.view
        self.units = layout.units if config.blendshapes else None
        self.shape_directions = nn.Buffer(layout.basis.shape)
        self.expression_directions = nn.Buffer(layout.basis.expression)
        codes = layout.basis.sizes.shape + layout.basis.sizes.expression
        self.sizes = {
            "shape": layout.basis.sizes.shape,
            "expression": layout.basis.sizes.expression,
            "eyelids": 2,
            "neck": 3,
            "jaw": 3,
            "eyes": 6,
            "rotation": 6,
            "anchor": 2,
            "scale": 1,
            "log_std": codes + 3,
        }
        width, output = config.width, sum(self.sizes.values())
        self.picture = None if backbone is None else PictureReader(backbone, config)
        means = output - self.sizes["log_std"]  # what is linear in the landmarks
        self.linear_skip = nn.Linear(self.view.size, means, bias=False) if config.landmarks else None
        self.marks = nn.Linear(self.view.size + 1, width) if config.landmarks else None
        self.units_linear_skip = None if self.units is None else nn.Linear(self.units.size, means, bias=False)
        self.units_hidden = None if self.units is None else nn.Linear(self.units.size, width, bias=False)
        self.field = nn.Linear(1, width, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Residual(width, config.dropout) for _ in range(config.layers))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, output)
        for layer in (self.linear_skip, self.units_linear_skip, self.output):
            if layer is not None:
                nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.output.bias)

    @property
    def basis(self) -> CodeBasis:
        """Directions of its codes."""
        return CodeBasis(self.shape_directions, self.expression_directions)

    @property
    def anchor_m(self) -> Tensor:
        """(3,) the point of the unposed head whose place in the crop is predicted."""
        return self.view.anchor_m

    @property
    def backbone(self) -> nn.Module | None:
        """The encoder of the picture."""
        return None if self.picture is None else self.picture.encoder

    @property
    def sees_picture(self) -> bool:
        """Whether it looks at the crop at all."""
        return self.picture is not None

    @property
    def sees_landmarks(self) -> bool:
        """Whether it looks at landmarks where there are any."""
        return self.config.landmarks

    @property
    def size(self) -> int:
        """S, side of its crops in pixels: 1 where it looks at none; landmarks are in pixels of ``config.size``."""
        return self.config.size if self.sees_picture else 1

    def forward(self, inputs: StudentInput) -> StudentOutput:
        """Crops (B, ...) -> heads (B, ...)."""
        return self.predict(self.features(inputs), inputs)

    def features(self, inputs: StudentInput) -> list[Tensor]:
        """The encoder's features (B, C, h, w), coarser and coarser; none for a network of landmarks alone."""
        return [] if self.picture is None else self.picture.features(inputs.image)

    def predict(self, features: list[Tensor], inputs: StudentInput) -> StudentOutput:
        """Heads from features and inputs."""
        seen = None if self.picture is None else self.picture(features[-1])
        with torch.autocast(inputs.focal_px.device.type, enabled=False):
            return self._predict(seen, inputs)

    def _predict(self, seen: Tensor | None, inputs: StudentInput) -> StudentOutput:
        """The head from what was seen of the picture (B, W), if anything, and from the landmarks."""
        size = float(self.config.size)
        hidden = self.field((inputs.focal_px / size).log()[:, None] - 1)
        rotation, scale, anchor = self._frontal(inputs)
        if seen is not None:
            hidden = hidden + seen.float()
        linear: Tensor | None = None
        if self.marks is not None and self.linear_skip is not None:
            there = inputs.has_landmarks[:, None].to(scale)
            rotation_seen, scale_seen, anchor_seen, off = self.view(inputs.landmarks_px)
            off = self.dropout(off) * there
            rotation = torch.where(inputs.has_landmarks[:, None, None], rotation_seen, rotation)
            scale = torch.where(inputs.has_landmarks, scale_seen, scale)
            anchor = torch.where(inputs.has_landmarks[:, None], anchor_seen, anchor)
            hidden = hidden + self.marks(torch.cat([off, there], 1))
            skip = self.linear_skip(off)
            if self.units is not None and self.units_linear_skip is not None and self.units_hidden is not None:
                units = self.units(inputs.blendshapes)
                hidden, skip = hidden + self.units_hidden(units), skip + self.units_linear_skip(units)
            linear = functional.pad(skip, (0, self.sizes["log_std"]))
        hidden = functional.gelu(hidden)
        for layer in self.layers:
            hidden = layer(hidden)
        raw = self.output(self.norm(hidden))
        if linear is not None:
            raw = raw + linear
        output = dict(zip(self.sizes, raw.split(list(self.sizes.values()), -1), strict=True))
        output = {name: value * _UNITS.get(name, 1.0) for name, value in output.items()}
        turned = output["rotation"].unflatten(1, (2, 3)) + rotation.new_tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        to_sight = rotation @ orthonormal_rows(*turned.unbind(1)).transpose(1, 2)
        return StudentOutput(
            shape=output["shape"],
            expression=output["expression"],
            eyelids=output["eyelids"],
            neck=output["neck"],
            jaw=output["jaw"],
            eyes=output["eyes"].unflatten(1, (2, 3)),
            R_sight_face=to_sight * rotation.new_tensor([1.0, -1.0, -1.0]),
            anchor_px=anchor + output["anchor"] * (_CM * scale)[:, None],
            log_scale=scale.log() + output["scale"][:, 0],
            log_std=output["log_std"].clamp(*_LOG_STD),
        )

    def _frontal(self, inputs: StudentInput) -> tuple[Tensor, Tensor, Tensor]:
        """The pose of a frontal face that fills the crop as `margin` says."""
        like, size = inputs.focal_px, float(self.config.size)
        rotation = torch.eye(3).to(like).expand(like.shape[0], 3, 3)
        scale = torch.ones_like(like) * (size / (self.config.margin * self.view.breadth_m))
        return rotation, scale, like.new_full((like.shape[0], 2), size / 2)


class PictureReader(nn.Module):
    """An encoder of pictures, and a layer that reads its last features on the whole and place by place."""

    def __init__(self, backbone: nn.Module, config: StudentNetworkConfig) -> None:
        super().__init__()
        self.encoder = backbone
        info = backbone.feature_info
        channels, stride = info.channels()[-1], info.reduction()[-1]  # type: ignore[union-attr, operator]
        if config.size % stride:
            raise ValueError(f"network.size must be a multiple of {stride} for this backbone, got {config.size}")
        places = (config.size // stride) ** 2
        self.cells = nn.Conv2d(channels, config.cells, 1)
        self.read = nn.Linear(channels + config.cells * places, config.width)
        self.dropout = nn.Dropout(config.dropout)
        mean, std = input_statistics(config.backbone)
        self.mean, self.std = nn.Buffer(mean), nn.Buffer(std)

    def be_silent(self) -> None:
        """Read nothing, until it is trained to."""
        nn.init.zeros_(self.read.weight)
        nn.init.zeros_(self.read.bias)

    def features(self, image: Tensor) -> list[Tensor]:
        """Of pictures (B, 3, S, S) in [0, 1], or uint8."""
        image = image if image.is_floating_point() else image.float() / 255
        normalised = (image - self.mean) / self.std
        return self.encoder(normalised.contiguous(memory_format=torch.channels_last))

    def forward(self, coarse: Tensor) -> Tensor:
        """The last features (B, C, h, w) -> (B, width)."""
        seen = torch.cat([coarse.mean((2, 3)), functional.relu(self.cells(coarse)).flatten(1)], 1)
        return self.read(self.dropout(seen))


class Residual(nn.Module):
    """A layer whose output is added to its input."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.inner, self.outer = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, W) -> (B, W)."""
        return hidden + self.outer(self.dropout(functional.gelu(self.inner(self.norm(hidden)))))
