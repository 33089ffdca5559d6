"""One photo: fit its faces, and write what people open next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.export.npz import write_params
from shared.images.decode import InputError
from shared.images.encode import write_png
from shared.images.source import InputRef, iter_frames
from shared.runs.errors import UserError
from teacher.config import FitInputConfig
from teacher.observation.face import observe
from teacher.pipeline.fit import fit_faces
from teacher.pipeline.records import FitOutcome, FittedFace
from teacher.pipeline.tools import Tools
from teacher.runs.results import describe, draw_overlay, extras, parameters, write_meshes


def fit_photo(ref: InputRef, config: FitInputConfig, tools: Tools) -> list[Path]:
    """Fit the faces of a photo and write all files; prints what it found. UserError if there is no usable face."""
    try:
        frame = next(iter(iter_frames(ref)))
    except InputError as error:
        raise UserError(f"input={ref.path}: {error.reason}") from error
    fitted = usable(fit_faces(observe(frame, tools.detector(), config), tools, config.quality), config.input)
    out, assets = Path(config.out), tools.model.assets
    files = [write_png(out / "overlay.png", draw_overlay(frame, fitted, assets))]
    for number, one in enumerate(fitted):
        name = "head" if config.faces == "largest" else f"head_{number}"
        files += write_meshes(out / name, one, tools.model, config.morph_targets)
    params, camera = parameters(fitted)
    if config.faces == "largest":
        params, camera = params[0], camera[0]
    files.append(write_params(out / "params.npz", params, camera, extras(fitted, assets)))
    for one in fitted:
        print(describe(one, tools.model))
    return files


def usable(outcomes: Sequence[FitOutcome], name: str) -> list[FittedFace]:
    """The faces that have a mesh. UserError if there is none."""
    if not outcomes:
        raise UserError(f"input={name}: no face was found")
    good = [one for one in outcomes if isinstance(one, FittedFace) and one.is_finite]
    if not good:
        raise UserError(f"input={name}: {outcomes[0].failures[0].reason}")
    return good
