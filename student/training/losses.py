"""What the student is trained towards: the face in millimetres, where it is in the picture, and what it doubts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from student.config import StudentLossConfig
from student.network.records import StudentOutput, StudentTarget
from student.training.measured import HeadCodes, MeasuredPoints

_MM = 1e3
# Gradients of the likelihood are weighted by this power of the variance, so that what is doubted is learned all the
# same (Seitzer et al. 2022, beta-NLL).
_BETA = 0.5


@dataclass(frozen=True, eq=False)
class StudentLoss:
    """A sum of terms, each with its weight of the options, and the figures that a run shows."""

    config: StudentLossConfig
    points: MeasuredPoints
    basis: CodeBasis
    anchor_m: Tensor  # (3,) of the unposed head

    @staticmethod
    def of(config: StudentLossConfig, model: FlameModel, basis: CodeBasis, anchor_m: Tensor) -> StudentLoss:
        """On the device of the model. KeyError if the head has no region "face"."""
        device = model.v_template.device
        basis = CodeBasis(basis.shape.to(device), basis.expression.to(device))
        return StudentLoss(config, MeasuredPoints.of(model, basis, config.detail), basis, anchor_m.to(device))

    def __call__(self, output: StudentOutput, target: StudentTarget) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and each term before its weight, means over the batch, detached."""
        weight = target.weight / target.weight.mean().clamp_min(1e-6)

        def mean(values: Tensor) -> Tensor:
            return (values.flatten(1).mean(1) * weight).mean() if values.ndim > 1 else (values * weight).mean()

        heads = self._output(output), self._truth(target)
        vertices, landmarks = zip(self.points.of_told(heads[0]), self.points.of_truth(heads[1]), strict=True)
        neutral = (
            self.points.of_told(heads[0].neutral(output.shape.shape[1]))[0],
            self.points.of_truth(heads[1].neutral(target.shape.shape[1]))[0],
        )
        sure = self.points.weight * target.confidence[:, self.points.part]
        scale = target.log_scale.exp()[:, None]
        in_picture = [
            _project(points, pose, target.focal_px, self.anchor_m)
            for points, pose in zip(landmarks, (output, target), strict=True)
        ]
        turned = (output.R_sight_face - target.R_sight_face).flatten(1).norm(dim=1) / 2**0.5
        terms = {
            "vertices": mean(_MM * _distance(*map(_centred, vertices)) * sure),
            "neutral": mean(_MM * _distance(*map(_centred, neutral))),
            "landmarks": mean(_MM * _distance(*in_picture) / scale),
            "rotation": mean(turned),
            "place": mean(_MM * _distance(output.anchor_px, target.anchor_px) / scale[:, 0]),
            "size": mean((output.log_scale - target.log_scale).abs()),
            "codes": mean(self._doubt(output, target)),
            "eyes": mean((output.eyes - target.eyes).abs()),
            "lids": mean((output.eyelids - target.eyelids).abs()),
            "neck": mean((output.neck - target.neck).abs()),
            "closure": mean(_MM * (self._openings(landmarks[0]) - self._openings(landmarks[1])).abs()),
            "identity": _MM * _same_person(neutral[0], target.person),
        }
        total = sum((getattr(self.config, name) * term for name, term in terms.items()), torch.zeros_like(turned[0]))
        return total, {name: term.detach() for name, term in terms.items()} | {"total": total.detach()}

    def _output(self, output: StudentOutput) -> HeadCodes:
        return HeadCodes(torch.cat([output.shape, output.expression, output.eyelids], 1), output.jaw, output.eyes)

    def _truth(self, target: StudentTarget) -> HeadCodes:
        return HeadCodes(torch.cat([target.shape, target.expression, target.eyelids], 1), target.jaw, target.eyes)

    def _doubt(self, output: StudentOutput, target: StudentTarget) -> Tensor:
        """(B, T) negative log-likelihood of shape, expression and jaw."""
        known = [target.shape @ self.basis.shape, target.expression @ self.basis.expression, target.jaw]
        off = torch.cat([output.shape, output.expression, output.jaw], 1) - torch.cat(known, 1)
        variance = (2 * output.log_std).exp()
        return (off**2 / (2 * variance) + output.log_std) * variance.detach() ** _BETA

    def _openings(self, landmarks: Tensor) -> Tensor:
        """(B, C) distances between lids and lips."""
        upper, lower = landmarks[:, self.points.closing].unbind(2)
        return _distance(upper, lower)


def _centred(points: Tensor) -> Tensor:
    # Where the face is against the joints of the neck is no shape; its place is a term of its own.
    return points - points.mean(1, keepdim=True)


def _distance(a: Tensor, b: Tensor) -> Tensor:
    # The root of a plain sum of squares has no gradient at 0.
    return ((a - b) ** 2).sum(-1).add(1e-12).sqrt()


def _project(points: Tensor, pose: StudentOutput | StudentTarget, focal_px: Tensor, anchor_m: Tensor) -> Tensor:
    """Points (B, L, 3) of the face -> pixels (B, L, 2) of a camera that looks at the anchor."""
    depth = (focal_px * torch.exp(-pose.log_scale))[:, None, None]
    turned = (points - anchor_m) @ pose.R_sight_face.transpose(1, 2)
    return turned[..., :2] / (depth + turned[..., 2:]) * focal_px[:, None, None] + pose.anchor_px[:, None]


def _same_person(neutral: Tensor, person: Tensor) -> Tensor:
    """Mean distance of neutral faces (B, V, 3) to their neighbours in the batch that show the same person."""
    same = (person[1:] == person[:-1]).to(neutral)
    apart = _distance(neutral[1:], neutral[:-1]).mean(1)
    return (apart * same).sum() / same.sum().clamp_min(1)
