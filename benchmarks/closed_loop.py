"""The fit from a guess, such as the student's, against the fit from the mean head: one energy, two starts.

    python benchmarks/closed_loop.py [start=student] [pictures=100] [batch=1] [threads=1] [prior=auto]

Pictures are those of the synthetic benchmark, under their true cameras, with what the prior and the identity network
say of them; prior=none: landmarks alone. ``start`` is that of `teacher/fit.py`, and start=noise is the truth, off by
what a good network is off by. Both ways see the same evidence and take turns, so the ratio is that of each picture;
what is timed is the solver with its problem, and beside it the guess.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from command_line import read_options
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from shared.plugins.guess import load_guesser
from shared.records.tensor_record import stack
from teacher.ablation.subjects import Subject, Subjects, batch
from teacher.config import FitRunConfig
from teacher.evidence.records import FaceEvidence, FitResult
from teacher.fitting.fitter import HeadFitter
from teacher.pipeline.tools import build_tools

DEFAULTS = {"start": "student", "pictures": "100", "batch": "1", "threads": "1", "prior": "auto"}
Start = Callable[[Sequence[Subject], FaceEvidence], FlameParams]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Pair:
    """A batch, fitted from the mean head and from the guess."""

    plain: FitResult
    guessed: FitResult
    plain_ms: float  # a picture
    guessed_ms: float
    guess_ms: float


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    """What it returns, and milliseconds."""
    start = time.perf_counter()
    result = function()
    return result, 1e3 * (time.perf_counter() - start)


def find_start(name: str, model: FlameModel) -> Start:
    """How batches of pictures are guessed."""
    if name == "noise":
        return lambda some, evidence: near_truth(some, evidence, model)
    guesser = load_guesser(name, model.assets, torch.device("cpu"))
    if guesser is None:
        raise SystemExit("start=pose is what is compared with: give student, noise, or a file of weights")
    return lambda some, evidence: guesser([one.face.crop_image for one in some], evidence.landmarks_px, evidence.camera)


def near_truth(subjects: Sequence[Subject], evidence: FaceEvidence, model: FlameModel) -> FlameParams:
    """The truth in the world of the evidence's camera, with the errors of a good network."""
    truth = stack([one.params for one in subjects])
    own = stack([one.camera for one in subjects]).T_cam_world
    across = evidence.camera.T_cam_world.transpose(1, 2) @ own  # the camera stands at the origin of both
    rotation, origin = across[:, :3, :3], across[:, :3, 3]
    root = model.rest_joints(model.coefficients(truth))[:, 0]
    place = (rotation @ (truth.translation + root)[..., None])[..., 0] + origin
    generator = torch.Generator().manual_seed(0)

    def noise(values: Tensor, std: float) -> Tensor:
        return std * torch.randn(values.shape, generator=generator)

    def expected(codes: Tensor, std: float) -> Tensor:
        """What a network that ends at ``std`` expects of codes that are N(0, 1)."""
        share = 1 - std**2
        return share * codes + noise(codes, std * share**0.5)

    turn = axis_angle_to_matrix(noise(place, 0.03))
    return replace(
        truth,
        shape=expected(truth.shape, 0.8),
        expression=expected(truth.expression, 0.7),
        jaw=truth.jaw + noise(truth.jaw, 0.03),
        global_rot=matrix_to_axis_angle(turn @ rotation @ axis_angle_to_matrix(truth.global_rot)),
        translation=place * (1 + noise(place[:, :1], 0.03)) - root,
    )


def main(options: dict[str, str]) -> None:
    """Print the table."""
    torch.set_num_threads(int(options["threads"]))
    size, alone, sees = int(options["batch"]), options["prior"] == "none", FitRunConfig()
    tools = build_tools(sees, torch.device("cpu"))
    assert tools.prior is not None
    subjects = Subjects(tools.prior, tools.identity, tools.model, sees)
    start = find_start(options["start"], tools.model)
    seen = subjects.all(int(options["pictures"]))
    fitter = HeadFitter(tools.model, sees.fit) if alone else tools.fitter
    pairs: list[Pair] = []
    fitter.fit(batch(seen[:size], None if alone else "points", not alone))  # warm
    for first in range(0, len(seen), size):
        some = seen[first : first + size]
        evidence = batch(some, None if alone else "points", not alone)
        guess, guess_ms = timed(lambda some=some, evidence=evidence: start(some, evidence))
        ways = [evidence, replace(evidence, start=guess)]
        order = (0, 1) if len(pairs) % 2 else (1, 0)
        found = {way: timed(lambda way=way, ways=ways: fitter.fit(ways[way])) for way in order}
        (plain, plain_ms), (guessed, guessed_ms) = found[0], found[1]
        pairs.append(Pair(plain, guessed, plain_ms / len(some), guessed_ms / len(some), guess_ms / len(some)))
        print(f"{first + len(some)} of {len(seen)}", end="\r", file=sys.stderr)
    tell(pairs, options, len(seen))


def tell(pairs: Sequence[Pair], options: dict[str, str], count: int) -> None:
    """Medians over pictures, and of the ratio of each pair."""
    print(f"{count} pictures in batches of {options['batch']}, {options['threads']} threads, prior={options['prior']}")
    print(f"{'start':>12} {'steps':>6} {'energy':>9} {'converged':>10} {'ms a picture':>13}")
    for name in ("plain", "guessed"):
        results = [getattr(pair, name) for pair in pairs]
        steps, energy, done = (
            torch.cat([getattr(one, of) for one in results]).float() for of in ("steps", "energy", "converged")
        )
        ms = statistics.median(getattr(pair, f"{name}_ms") for pair in pairs)
        label = "mean head" if name == "plain" else options["start"].rsplit("/", 1)[-1]
        print(f"{label:>12} {steps.median():6.0f} {energy.median():9.3f} {done.mean():10.1%} {ms:13.1f}")
    ratio = statistics.median(pair.guessed_ms / pair.plain_ms for pair in pairs)
    fewer = torch.cat([pair.plain.steps - pair.guessed.steps for pair in pairs]).float()
    off = torch.cat([pair.guessed.energy / pair.plain.energy - 1 for pair in pairs])
    print(f"{ratio:.2f} of the time (median of the pairs), {fewer.mean():.1f} steps fewer (mean); the guess takes "
          f"{statistics.median(pair.guess_ms for pair in pairs):.1f} ms")  # fmt: skip
    within = (off.abs() < 0.01).float().mean()
    print(f"final energy over that from the mean head: {off.median():+.2%} median, within 1 % on {within:.0%}")


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
