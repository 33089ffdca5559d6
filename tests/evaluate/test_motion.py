"""Strength of expression: what is put in comes out, wherever the head is."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import pytest
import torch

from shared.evaluate.faces import FaceMesh, TrueFace
from shared.evaluate.motion import REGIONS, is_neutral, score_motion
from shared.evaluate.rows import Row
from shared.evaluate.strength import strengths
from shared.geometry.rotation import axis_angle_to_matrix
from tests.evaluate import plain_set

ONE = torch.eye(3, dtype=torch.float64)


def neutral68() -> torch.Tensor:
    found = plain_set.true_face(plain_set.meshes(0)[1]).ibug68_m
    assert found is not None
    return found.double()


def moved(**mm: tuple[float, float, float]) -> torch.Tensor:
    """The neutral landmarks with whole regions moved."""
    points = neutral68().clone()
    for region, offset in mm.items():
        points[list(REGIONS[region])] += 1e-3 * torch.tensor(offset, dtype=torch.float64)
    return points


def mesh(points: torch.Tensor, turn: torch.Tensor = ONE) -> FaceMesh:
    return FaceMesh(torch.zeros(3, 3), torch.zeros(1, 3), torch.zeros(7, 3), points @ turn.T + 0.3)


def truth(points: torch.Tensor) -> TrueFace:
    return TrueFace(torch.zeros(1, 3), torch.ones(1, 3), torch.zeros(7, 3), points)


def test_half_the_motion_is_a_strength_of_one_half_in_any_pose() -> None:
    turn = axis_angle_to_matrix(torch.tensor([0.4, -0.9, 0.3], dtype=torch.float64))
    spin = axis_angle_to_matrix(torch.tensor([0.0, 0.0, 2.0], dtype=torch.float64))
    found = score_motion(
        mesh(moved(mouth=(0, -4, 0), brows=(3, 0, 0)), turn), mesh(neutral68(), spin),
        truth(moved(mouth=(0, -8, 0), brows=(0, 5, 0))), truth(neutral68()),
    )  # fmt: skip
    assert found is not None
    mouth, brows, lids = found["mouth"], found["brows"], found["lids"]
    assert mouth.along / mouth.true == pytest.approx(0.5, abs=1e-6)
    assert mouth.true == pytest.approx(20 * 64, rel=1e-6)
    assert mouth.rest == pytest.approx(0, abs=1e-6)
    assert brows.along == pytest.approx(0, abs=1e-6)
    assert math.sqrt(brows.rest / brows.points) == pytest.approx(3)
    assert not lids.moves
    assert mouth.moves
    assert not is_neutral(list(found.values()))


def test_a_face_at_rest_has_no_strength_and_its_motion_is_told_apart() -> None:
    same = score_motion(mesh(moved(lids=(0, 2, 0))), mesh(neutral68()), truth(neutral68()), truth(neutral68()))
    assert same is not None
    assert is_neutral(list(same.values()))
    found = strengths([row("a", same)])
    assert (found["lids"].strength, found["lids"].moving, found["lids"].still) == (None, 0, 1)
    assert found["lids"].still_mm is not None
    assert found["lids"].still_mm.value == pytest.approx(2)
    assert found["lids"].still_mm.interval is None  # one person


def row(person: str, motion: dict) -> Row:
    known = {"person": person}
    return Row(person, 0, "scored", facts=known, motion={name: asdict(one) for name, one in motion.items()})


def test_strength_is_a_ratio_of_sums_with_people_drawn_anew() -> None:
    rest = mesh(neutral68()), truth(neutral68())
    rows = []
    for number, (true_mm, found_mm) in enumerate(((10.0, 10.0), (2.0, 0.0), (0.5, 5.0))):
        motion = score_motion(
            mesh(moved(mouth=(0, -found_mm, 0))), rest[0], truth(moved(mouth=(0, -true_mm, 0))), rest[1]
        )
        assert motion is not None
        rows.append(row(f"p{number}", motion))
    found = strengths(rows)["mouth"]
    assert found.moving == 2  # half a millimetre is no motion to be judged by
    assert found.strength is not None
    assert found.strength.value == pytest.approx(100 / 104)
    assert found.strength.interval is not None
    assert found.strength.interval == pytest.approx((0.0, 1.0))


def test_without_landmarks_or_a_neutral_face_nothing_is_said() -> None:
    full = mesh(neutral68())
    bare = replace(full, ibug68_m=None)
    known = truth(neutral68())
    assert score_motion(bare, full, known, known) is None
    assert score_motion(full, None, known, known) is None
    assert score_motion(full, full, known, None) is None
    assert strengths([Row("x", 0, "scored")]) == {}
