"""Named groups of MediaPipe's 478 face landmarks: 468 of the face, then 5 for each iris. Left and right: subject's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

N_MEDIAPIPE = 478
OUTER_EYE_CORNERS = (33, 263)  # right, left; their distance is the unit of 2D landmark errors
RIGHT_IRIS = (468, 469, 470, 471, 472)  # centre, then the rim
LEFT_IRIS = (473, 474, 475, 476, 477)
# The silhouette in a frontal view, clockwise from the top of the forehead. Its points slide along the contour when the
# head turns.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
# Around each eye on the rims of the lids: upper lid from the outer to the inner corner, lower lid back.
RIGHT_LIDS = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_LIDS = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
# Around the mouth: upper lip from the right to the left corner, lower lip back.
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
# Around each brow: upper edge from the temple to the nose, lower edge back.
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
# Parts of the face that move by themselves, by a few points each.
MOVING_PARTS = (RIGHT_LIDS, LEFT_LIDS, INNER_LIPS, OUTER_LIPS, RIGHT_BROW, LEFT_BROW)
# The points nearest to iBUG's 68, in iBUG order.
IBUG68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip


def outward(places_m: Tensor, corners: Sequence[int] = OUTER_EYE_CORNERS) -> Tensor:
    """Unit directions out of the face (..., P, 3), from a point 6 cm behind and 2 cm below the eyes.

    They give the side of the head a landmark is on. Surface normals would not do: those of lips and lids point into
    the mouth or up.

    Args:
        places_m: (..., P, 3) landmarks of the unposed head.
        corners: rows of the outer eye corners in ``places_m``.
    """
    middle = places_m[..., list(corners), :].mean(-2, keepdim=True)
    centre = middle + places_m.new_tensor([0.0, -0.02, -0.06])
    return torch.nn.functional.normalize(places_m - centre, dim=-1)


def facing(
    places_m: Tensor, R_cam_head: Tensor, at_camera_m: Tensor, corners: Sequence[int] = OUTER_EYE_CORNERS
) -> Tensor:
    """(..., P) cosine between each landmark's side of the head and the direction to the camera.

    Args:
        places_m: (..., P, 3) landmarks of the unposed head.
        R_cam_head: (..., 3, 3) its rotation to camera axes.
        at_camera_m: (..., P, 3) the posed landmarks in the camera's frame.
        corners: rows of the outer eye corners in ``places_m``.
    """
    sides = outward(places_m, corners) @ R_cam_head.mT
    return -(sides * torch.nn.functional.normalize(at_camera_m, dim=-1)).sum(-1)


def mirror_partners(places_m: Tensor) -> Tensor:
    """(P,) the landmark across the symmetry plane of each, by places (P, 3) on a symmetric head.

    Take the places from an open mouth: on shut lips, those of the upper and the lower lip coincide.
    """
    return torch.cdist(places_m * places_m.new_tensor([-1.0, 1.0, 1.0]), places_m).argmin(1)
