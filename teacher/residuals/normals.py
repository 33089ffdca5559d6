"""The surface against the normals that are seen on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.points import FlamePoints, PosedPoints
from shared.records.tensor_record import TensorRecord
from teacher.residuals.bias import BiasModes
from teacher.residuals.robust import PseudoHuber
from teacher.residuals.variables import head_jacobian, pose_points
from teacher.solver.structure import VIEW
from teacher.solver.terms import Linearisation, Values


@dataclass(frozen=True)
class Surface:
    """The surface at P points, shared by all rows."""

    tangents: FlamePoints  # 2 P differences: the first tangent of every point, then the second
    tilt: Tensor  # (P, 2) constant error of the normals along them
    modes: BiasModes  # and the errors that whole patches share in one picture

    def with_basis(self, basis: CodeBasis) -> Surface:
        """The same as a function of reduced codes."""
        return replace(self, tangents=self.tangents.with_basis(basis))


@dataclass(frozen=True)
class NormalTerm(TensorRecord):
    """``((n_p + bias_p) . t_pk / |t_pk| - tilt_pk) / std_p`` for two tangents k at each point: it is upright on both.

    The tangents are about perpendicular, so that a residual is an angle in radians over its deviation. They are
    differences of vertices, which makes this as cheap as a point to plane distance; divided by their length they lead
    no fit to a smaller head, which noise would otherwise do. The bias is as that of
    `PixelTerm`, ``modes @ coefficients`` in the axes of the world; the tilt is a constant of the prior.
    """

    surface: Surface
    bias: str  # variable (N, 3 k): coefficients of x, of y, of z
    kernel: PseudoHuber
    normal: Tensor  # (N, P, 3) unit
    std: Tensor  # (N, P) radians; infinite where nothing is seen

    @property
    def level(self) -> int:
        """A row a picture."""
        return VIEW

    def residual(self, posed: PosedPoints, values: Values) -> Tensor:
        """(N, P, 2) in standard deviations."""
        product = (_directions(posed)[0] * self._normal(values)[:, None]).sum(-1).transpose(1, 2)
        return (product - self.surface.tilt) / self.std[..., None]

    def energy(self, values: Values) -> Tensor:
        """(N,)"""
        residual = self.residual(pose_points(self.surface.tangents, values), values)
        return self.kernel.energy((residual**2).sum(-1)).sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by all head variables and the bias."""
        posed = pose_points(self.surface.tangents, values)
        residual, normal = self.residual(posed, values), self._normal(values)
        weight = self.kernel.weight((residual**2).sum(-1)).sqrt()  # (N, P)
        scale = (weight / self.std)[:, None, :, None]
        directions, length = _directions(posed)  # (N, 2, P, 3), in the order of the tangents
        along = (directions * normal[:, None]).sum(-1, keepdim=True)
        rows = (normal[:, None] - along * directions) * scale / length
        jacobian = head_jacobian(posed, rows.flatten(1, 2)[:, :, None], values, self.surface.tangents.sizes)
        by_bias = (directions * scale)[..., None] * self.surface.modes.matrix[:, None]  # (N, 2, P, 3, k)
        jacobian[self.bias] = by_bias.flatten(3).flatten(1, 2)
        weighted = (residual * weight[..., None]).transpose(1, 2).flatten(1)
        return Linearisation(weighted, jacobian)

    def _normal(self, values: Values) -> Tensor:
        """(N, P, 3) as predicted, less what the bias explains."""
        coefficients = values[self.bias].unflatten(1, (3, -1))  # (N, 3, k)
        return self.normal + self.surface.modes.matrix @ coefficients.transpose(1, 2)


def _directions(posed: PosedPoints) -> tuple[Tensor, Tensor]:
    """Unit tangents (N, 2, P, 3) and their lengths (N, 2, P, 1)."""
    tangents = posed.position.unflatten(1, (2, -1))
    length = tangents.norm(dim=-1, keepdim=True)
    return tangents / length, length
