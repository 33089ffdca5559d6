"""A benchmark of a few invented pictures, a flat head whose UV is a ruler, networks off by a known step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from shared.flame.segmentation import Part
from shared.records.tensor_record import TensorRecord
from shared.synthetic.scene.portrait import PortraitFacts
from teacher.prior.evaluation.benchmark_crops import BenchmarkCrop
from teacher.prior.geometry.surface import HeadSurface
from teacher.prior.records import N_PARTS, PriorInput, PriorMaps, PriorPoints, PriorPrediction, PriorTarget

SIZE = 32
PX_PER_M = 400.0
VERTEX_UV = torch.tensor([[0.22, 0.24], [0.264, 0.282], [0.242, 0.226], [0.29, 0.29]])  # the last is hidden


def flat_surface() -> HeadSurface:
    """0.01 in UV is 1 mm."""
    ramp = (torch.arange(64) + 0.5) / 64 * 0.1
    v, u = torch.meshgrid(ramp, ramp, indexing="ij")
    return HeadSurface(torch.stack([u, v, 0 * u]))


def uv_map() -> torch.Tensor:
    """(2, S, S): a picture as wide as 0.1 in UV."""
    ramp = (torch.arange(SIZE) + 0.5) / SIZE * 0.1 + 0.2
    v, u = torch.meshgrid(ramp, ramp, indexing="ij")
    return torch.stack([u, v])


def crop(index: int = 0, kind: str = "neutral", yaw_deg: float = 0.0, found: bool = True) -> BenchmarkCrop:
    """Skin from column 8 to 27, hair left of it."""
    skin = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    skin[4:28, 8:28] = True
    normal = torch.nn.functional.normalize(torch.tensor([0.1, 0.2, -1.0]), dim=0)[:, None, None] * skin
    part = torch.zeros(SIZE, SIZE, dtype=torch.uint8)
    part[:, :8], part[skin], part[0] = int(Part.HAIR), int(Part.SKIN), 255
    target = PriorTarget(
        normal=normal,
        normal_mask=skin,
        uv=uv_map() * skin,
        uv_mask=skin.clone(),
        hidden=torch.zeros_like(skin),
        part=part,
        points_px=(VERTEX_UV - 0.2) / 0.1 * SIZE,
        points_visible=torch.tensor([True, True, True, False]),
        points_known=torch.ones(4, dtype=torch.bool),
        px_per_m=torch.tensor(PX_PER_M),
    )
    maps = torch.zeros(6, SIZE // 2, SIZE // 2)
    if found:
        maps[:2] = torch.nn.functional.avg_pool2d(uv_map()[None], 2)[0] + torch.tensor([0.02, 0.0])[:, None, None]
        maps[5, :, SIZE // 4 :] = 1  # the right half
    inputs = PriorInput(torch.full((3, SIZE, SIZE), 0.5), torch.zeros(478, 2), maps, torch.tensor(found))
    return BenchmarkCrop(facts(index, kind, yaw_deg), inputs, target)


def facts(index: int, kind: str, yaw_deg: float) -> PortraitFacts:
    """Of an invented picture."""
    return PortraitFacts(
        seed=0, index=index, person=index, kind=kind, yaw_deg=yaw_deg, pitch_deg=0.0, roll_deg=0.0,
        expression_mm=0.0, occluded=0.0, skin_tone_deg=20.0, focal_35mm=50.0, hair="bald", occluders=(),
        light="room", background="plain",
    )  # fmt: skip


def prediction(
    target: PriorTarget, uv_step: float = 0.0, turn_rad: float = 0.0, points_step_px: float = 0.0
) -> PriorPrediction:
    """The truth, but for a step along u, a turn about the x axis, and a step of the points along x."""
    cos, sin = torch.cos(torch.tensor(turn_rad)), torch.sin(torch.tensor(turn_rad))
    x, y, z = target.normal
    normal = torch.stack([x, cos * y - sin * z, sin * y + cos * z])
    part = torch.where(target.part == 255, 0, target.part).long()
    maps = PriorMaps(
        frame="crop",
        normal=normal,
        normal_log_var=torch.full((SIZE, SIZE), -6.0),
        uv=uv_map() + torch.tensor([uv_step, 0.0])[:, None, None],
        uv_log_var=torch.full((SIZE, SIZE), -8.0),
        part_logits=torch.nn.functional.one_hot(part, N_PARTS).permute(2, 0, 1).float(),
    )
    pixel = target.points_px + torch.tensor([points_step_px, 0.0])
    return PriorPrediction(maps, PriorPoints(pixel, torch.zeros(4), torch.zeros(4)))


@dataclass(frozen=True, eq=False)
class FakeCrops(Sequence[BenchmarkCrop]):
    """The crops as they are; covered, their right half is under the patch."""

    crops: tuple[BenchmarkCrop, ...]

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, place: int) -> BenchmarkCrop:  # type: ignore[override]
        return self.crops[place]

    def covered(self, place: int, share: float) -> BenchmarkCrop | None:
        """None for the occluded kind."""
        one = self.crops[place]
        patch = torch.zeros(SIZE, SIZE, dtype=torch.bool)
        patch[:, SIZE // 2 :] = True
        # Marked in the picture, so that a network can see it.
        image = torch.where(patch, 1.0, one.input.image)
        return (
            None if one.facts.kind == "occluded" else replace(one, input=replace(one.input, image=image), covered=patch)
        )


def network(answer: Callable[[PriorInput, PriorTarget], PriorPrediction]) -> Callable[..., Iterator[PriorPrediction]]:
    """One that knows the truth, which is the same in all crops."""
    target = crop().target

    def predict(inputs: Sequence[TensorRecord]) -> Iterator[PriorPrediction]:
        for one in inputs:
            assert isinstance(one, PriorInput)
            yield answer(one, target)

    return predict
