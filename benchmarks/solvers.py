"""Time Levenberg-Marquardt against Adam on one energy, and against the paper's whole recipe.

    python benchmarks/solvers.py [pictures=400] [batch=16] [threads=2] [prior=auto] [steps=500] [recipe=16]

Pictures are those of the synthetic benchmark with what the prior says of them, prior=none: landmarks alone. All start
from the same closed-form pose. Adam has the learning rates of the recipe and automatic derivatives. The recipe renders
normals in every step (section 3.3 of the paper); its energy is another one, so its end is judged by millimetres; it
runs on ``recipe`` of the pictures.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch
from command_line import read_options
from torch import Tensor

from shared.records.tensor_record import stack
from teacher.ablation.subjects import Subjects, batch
from teacher.config import FitRunConfig, ReferenceConfig
from teacher.fitting.fitter import HeadFitter, ParameterSharing
from teacher.fitting.reference import ReferenceEvidence, fit_reference
from teacher.pipeline.tools import build_tools
from teacher.solver.adam import solve_by_adam
from teacher.solver.structure import Structure

DEFAULTS = {"pictures": "400", "batch": "16", "threads": "2", "prior": "auto", "steps": "500", "recipe": "16"}
Result = TypeVar("Result")


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    """What it returns, and milliseconds."""
    start = time.perf_counter()
    result = function()
    return result, 1e3 * (time.perf_counter() - start)


def rates(recipe: ReferenceConfig, names: list[str]) -> dict[str, float]:
    """The recipe's learning rate for each unknown; what it has not got is as quick as expressions."""
    known = {
        "shape": recipe.rate_shape,
        "expression": recipe.rate_expression,
        "global_rot": recipe.rate_rotation,
        "jaw": recipe.rate_rotation,
        "neck": recipe.rate_neck,
        "translation": recipe.rate_translation,
        "eyelids": recipe.rate_eyelids,
    }
    return {name: known.get(name, recipe.rate_expression) for name in names}


def main(options: dict[str, str]) -> None:
    """Print the table."""
    torch.set_num_threads(int(options["threads"]))
    size, count, steps = int(options["batch"]), int(options["pictures"]), int(options["steps"])
    sees, recipe = FitRunConfig(), ReferenceConfig()
    tools = build_tools(sees, torch.device("cpu"))
    assert tools.prior is not None
    assert isinstance(tools.fitter, HeadFitter)
    subjects = Subjects(tools.prior, tools.identity, tools.model, sees)
    seen = subjects.all(count)
    alone = options["prior"] == "none"
    fitter = HeadFitter(tools.model, sees.fit) if alone else tools.fitter
    ours_ms, adam_ms, ours, theirs = [], [], [], []
    for first in range(0, len(seen), size):
        some = seen[first : first + size]
        evidence = batch(some, None if alone else "points", not alone)
        problem = fitter.problem(evidence, ParameterSharing(Structure.photos(len(some))))
        fitter.fit(evidence[:1])  # warm
        lm, ms = timed(lambda evidence=evidence: fitter.fit(evidence))
        ours_ms.append(ms / len(some))
        names = [name for name, variable in problem.variables.items() if variable.free]
        adam, ms = timed(lambda problem=problem, names=names: solve_by_adam(problem, steps, rates(recipe, names)))
        adam_ms.append(ms / len(some))
        ours.append(lm.energy)
        theirs.append(adam.energy)
        print(f"{first + len(some)} of {len(seen)}", end="\r", file=sys.stderr)
    lower = float((torch.cat(ours) <= torch.cat(theirs)).float().mean())
    fast, slow = statistics.median(ours_ms), statistics.median(adam_ms)
    ratio = statistics.median(a / o for a, o in zip(adam_ms, ours_ms, strict=True))
    print(f"{len(seen)} pictures in batches of {size}, {torch.get_num_threads()} threads; median of the batches")
    print(f"Levenberg-Marquardt  {fast:9.2f} ms a picture, energy {torch.cat(ours).mean():.2f}")
    print(f"Adam, {steps:4} steps     {slow:9.2f} ms a picture, energy {torch.cat(theirs).mean():.2f}")
    print(f"{ratio:.0f} times as long; Levenberg-Marquardt's energy is no higher on {lower:.1%} of the pictures")
    some = seen[: int(options["recipe"])]
    if some and not alone:
        compare_recipe(subjects, some, fitter, recipe, fast)


def compare_recipe(subjects: Subjects, seen: list, fitter: HeadFitter, recipe: ReferenceConfig, fast: float) -> None:
    """The paper's recipe on some pictures, one by one, against ours."""
    model, uv = subjects.model, subjects.model.assets.vertex_uv()[subjects.vertices]
    spent, errors, lower = [], [], []
    for one in seen:
        face = one.face.evidence()
        crop, prediction = subjects.prior.look(one.face.crop_image, face)
        given = ReferenceEvidence.of(prediction.maps, subjects.vertices, uv, crop, face.camera, recipe.gate_uv)
        start = fitter.initial_params(stack([face]))
        found, ms = timed(lambda given=given, start=start: fit_reference(model, stack([given]), start, recipe))
        spent.append(ms)
        evidence = batch([one], "points", True)
        result = fitter.fit(evidence)
        lower.append(float(result.energy) <= float(fitter.energy_at(evidence, found.params)))
        errors.append([l1(subjects, one, params) for params in (found.params, result.params)])
    theirs, ours = (statistics.fmean(pair[k] for pair in errors) for k in (0, 1))
    print(f"The paper's recipe   {statistics.median(spent):9.0f} ms a picture, {len(seen)} pictures one by one")
    print(f"{statistics.median(spent) / fast:.0f} times as long; posed L1 {theirs:.2f} mm, ours {ours:.2f} mm;")
    print(f"our energy is no higher with our parameters than with the recipe's on {statistics.fmean(lower):.1%}")


def l1(subjects: Subjects, one: object, params: object) -> float:
    """Posed L1, millimetres, of one row of parameters."""
    with torch.no_grad():
        verts: Tensor = subjects.model(params).verts_m[0]
    return subjects.score(one, verts, replace(params).shape[0])["posed"].l1_mm  # type: ignore[arg-type,type-var]


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
