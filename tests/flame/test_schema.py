"""What every head offers, on heads of a few triangles."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.flame.schema import DEFINING, LandmarkEmbedding
from tests.tiny_head import tiny_head


def test_a_vertex_takes_the_uv_of_its_last_face() -> None:
    faces = torch.tensor([[0, 1, 2], [2, 1, 3], [0, 2, 1]])  # vertex 4 belongs to none
    uv_faces = torch.arange(9).reshape(3, 3)
    uv = torch.rand(9, 2, generator=torch.Generator().manual_seed(0))
    head = replace(tiny_head(n_vertices=5), faces=faces, uv=uv, uv_faces=uv_faces)
    want = torch.cat([uv[[6, 8, 7, 5]], torch.zeros(1, 2)])
    assert torch.equal(head.vertex_uv(), want)


def test_a_head_without_uv_says_so() -> None:
    head = replace(tiny_head(), uv=torch.zeros(0, 2), uv_faces=torch.zeros(0, 3, dtype=torch.int64))
    assert not head.has_uv
    with pytest.raises(ValueError, match=r"'tiny' has no texture coordinates.*head_template\.obj"):
        head.vertex_uv()


def test_landmark_positions_of_one_and_of_many_meshes() -> None:
    faces = torch.tensor([[0, 1, 2], [2, 1, 3]])
    embedding = LandmarkEmbedding(torch.tensor([1, 0]), torch.tensor([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]]))
    verts = torch.randn(2, 3, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    points = embedding.positions(verts, faces)
    torch.testing.assert_close(points[..., 0, :], 0.25 * verts[..., 1, :] + 0.75 * verts[..., 3, :])
    torch.testing.assert_close(points[..., 1, :], verts[..., 0, :])
    torch.testing.assert_close(embedding.positions(verts[1, 2], faces), points[1, 2])


@pytest.mark.parametrize("name", DEFINING)
def test_the_head_id_depends_on_every_defining_tensor(name: str) -> None:
    head = tiny_head()
    changed = getattr(head, name).clone()
    changed[0] = changed[1]
    assert replace(head, **{name: changed}).head_id != head.head_id


def test_the_head_id_does_not_depend_on_the_rest() -> None:
    head = tiny_head()
    assert len(head.head_id) == 16
    assert replace(head, name="other", landmarks={}, uv=head.uv + 1).head_id == head.head_id
