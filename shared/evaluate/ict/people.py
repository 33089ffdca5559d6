"""People sampled from the model, in the folder format of `shared.evaluate.real_heads`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from shared.evaluate.faces import NOW_IBUG68
from shared.evaluate.ict.expressions import MIX, NAMED, draw_mix, draw_named
from shared.evaluate.ict.model import IctModel
from shared.evaluate.ict.paint import Painter
from shared.evaluate.ict.shot import VIEWS_DEG, Shot, take
from shared.evaluate.ict.skin import SurfaceSamples, skin_samples, triangles_of
from shared.evaluate.real_heads import NEUTRAL, PEOPLE, PICTURES, TRUTH
from shared.runs.files import write_atomically, write_bytes, write_text
from shared.synthetic.scene.streams import stream

_QUALITY = 92  # of WebP
_EYE_CORNERS = (36, 39, 42, 45)  # of iBUG's 68
_NAMED_STATES = 2


@dataclass(frozen=True)
class State:
    """One face of a person."""

    expression: str
    coefficients: Mapping[str, float]

    @staticmethod
    def draw(rng: np.random.Generator, units: tuple[str, ...]) -> tuple[State, ...]:
        """Neutral, two different named expressions, and a mix."""
        names = rng.choice(list(NAMED), _NAMED_STATES, replace=False)
        named = (State(str(name), draw_named(rng, str(name), units)) for name in names)
        return State(NEUTRAL, {}), *named, State(MIX, draw_mix(rng, units))


class PeopleWriter:
    """Draws person after person, each the same whatever was drawn before."""

    def __init__(self, model: IctModel, root: Path, seed: int) -> None:
        self.model, self.root, self.seed = model, root, seed
        self.painter: Painter = Painter.of(model)
        self.samples: SurfaceSamples = skin_samples(model)
        self.triangles = triangles_of(model)

    @staticmethod
    def name(number: int) -> str:
        """Of a person's folder."""
        return f"person_{number:04d}"

    @staticmethod
    def is_done(root: Path, number: int) -> bool:
        """Whether a person is whole: the list of pictures is written last."""
        return (root / PEOPLE / PeopleWriter.name(number) / PICTURES).exists()

    def write(self, number: int) -> None:
        """Pictures, truth, and the list of pictures of one person. StorageError where that fails."""
        folder = self.root / PEOPLE / self.name(number)
        rng = stream(self.seed, number, "person")
        identity = rng.normal(size=len(self.model.identity_mm))
        neutral_mm, paint = self.model.identity(identity), self.painter.draw(rng)
        origin_mm = neutral_mm[self.model.ibug68[list(_EYE_CORNERS)]].mean(0)
        truth: dict[str, np.ndarray] = {"identity": identity.astype(np.float32)}
        listed: list[dict[str, Any]] = []
        for index, state in enumerate(State.draw(rng, self.model.expression_names)):
            verts = (neutral_mm + self.model.expression(state.coefficients) - origin_mm) / 1e3
            truth |= {f"{index}/{name}": values for name, values in self._truth(verts).items()}
            truth[f"{index}/origin_m"] = (origin_mm / 1e3).astype(np.float32)
            for view in range(len(VIEWS_DEG)):
                stem, of_shot = f"{index}_{view}", stream(self.seed, number, f"{index}_{view}")
                shot = Shot.draw(of_shot, view)
                image = take(shot, torch.from_numpy(verts), self.triangles, paint, of_shot)
                write_bytes(folder / f"{stem}.webp", _webp(image))
                truth[f"{stem}/K"] = _matrix(shot)
                truth[f"{stem}/T_cam_world"] = shot.camera.T_cam_world.numpy()
                listed.append(_facts(stem, index, state, shot))
        write_atomically(folder / TRUTH, lambda partial: np.savez(partial, **truth))  # type: ignore[arg-type]
        write_text(folder / PICTURES, json.dumps(listed, indent=1) + "\n")

    def _truth(self, verts_m: np.ndarray) -> dict[str, np.ndarray]:
        points, normals = self.samples.of(verts_m)
        ibug68 = verts_m[self.model.ibug68].astype(np.float32)
        return {
            "points_m": points.astype(np.float32),
            "normals": normals.astype(np.float16),
            "now7_m": ibug68[list(NOW_IBUG68)],
            "ibug68_m": ibug68,
        }


def _facts(stem: str, index: int, state: State, shot: Shot) -> dict[str, Any]:
    return {
        "picture": f"{stem}.webp",
        "state": index,
        "expression": state.expression,
        "coefficients": dict(state.coefficients),
        "yaw": shot.yaw_deg,
        "pitch": shot.pitch_deg,
        "roll": shot.roll_deg,
        "fov": shot.fov_deg,
        "light": shot.light,
    }


def _matrix(shot: Shot) -> np.ndarray:
    K = np.eye(3)
    K[[0, 1], [0, 1]], K[:2, 2] = shot.camera.focal_px.numpy(), shot.camera.center_px.numpy()
    return K


def _webp(image: np.ndarray) -> bytes:
    done, data = cv2.imencode(".webp", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    assert done
    return data.tobytes()
