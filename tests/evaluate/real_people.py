"""A folder of real heads whose people are faces of `plain_set`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from tests.evaluate import plain_set


def write_people(root: Path, names: tuple[str, ...] = ("ann", "bob")) -> Path:
    """Each person is at rest in state 0 and makes the face of `plain_set` in state 1, one view each; the root."""
    for index, name in enumerate(names):
        folder = root / "people" / name
        folder.mkdir(parents=True)
        posed, neutral = plain_set.meshes(index)
        truth: dict[str, np.ndarray] = {"identity": np.zeros(1)}
        listed = []
        place = np.array([0.0, 0.0, -0.5])
        for state, (verts, offset) in enumerate(((neutral, place), (posed, 0 * place))):
            face = plain_set.true_face(verts)
            assert face.ibug68_m is not None
            values = {"points_m": face.points_m, "now7_m": face.landmarks_m, "ibug68_m": face.ibug68_m}
            truth |= {f"{state}/{key}": (one.numpy() + offset).astype(np.float32) for key, one in values.items()}
            truth[f"{state}/normals"] = face.normals.numpy().astype(np.float16)
            truth[f"{state}_0/K"] = np.array([[160.0, 0, 48], [0, 160, 48], [0, 0, 1]])
            truth[f"{state}_0/T_cam_world"] = np.diag([1.0, -1.0, -1.0, 1.0])
            image = np.full((plain_set.SIDE, plain_set.SIDE, 3), (index, 90, 120), np.uint8)
            lossless = [cv2.IMWRITE_WEBP_QUALITY, 101]
            cv2.imwrite(str(folder / f"{state}_0.webp"), image[..., ::-1], lossless)
            expression = "open" if state else "neutral"
            facts = {"picture": f"{state}_0.webp", "state": state, "expression": expression, "light": "soft"}
            listed.append(facts | {"yaw": -30.0 * index, "pitch": 0.0, "roll": 0.0})
        np.savez(folder / "truth.npz", **truth)  # type: ignore[arg-type]
        (folder / "pictures.json").write_text(json.dumps(listed))
    return root
