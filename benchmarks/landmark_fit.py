"""Time the landmark fit against Adam on the same energy.

    python benchmarks/landmark_fit.py batch=32 threads=2 repeats=7 adam_steps=500 learning_rate=0.01

Both start from the same closed-form pose of the same random heads, whose landmarks carry correlated noise of 3 % of the
eye distance. Adam runs once, the fit several times; the median is printed. The closed-form start belongs to the fit's
time.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch
from command_line import read_options
from scenes import correlated_noise_px, random_scenes
from torch import Tensor

from shared.config import FitConfig
from shared.flame.assets import load_flame
from shared.flame.detector import DetectorModel
from shared.flame.model import FlameModel
from teacher.evidence import FaceEvidence
from teacher.fitter import HeadFitter
from teacher.solver import total_energy

DEFAULTS = {"batch": "32", "threads": "2", "repeats": "7", "adam_steps": "500", "learning_rate": "0.01"}


def adam(fitter: HeadFitter, evidence: FaceEvidence, steps: int, learning_rate: float) -> Tensor:
    """Final energy (B,) of Adam with a cosine schedule, gradients by automatic differentiation."""
    problem = fitter.problem(evidence)
    values = {name: value.clone().requires_grad_() for name, value in problem.values().items()}
    optimiser = torch.optim.Adam(list(values.values()), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        total_energy(problem.terms, values).sum().backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return total_energy(problem.terms, values)


def main(options: dict[str, str]) -> None:
    """Print the table."""
    torch.set_num_threads(int(options["threads"]))
    batch, repeats = int(options["batch"]), int(options["repeats"])
    model = FlameModel(load_flame())
    scenes = random_scenes(model, batch, seed=11)
    landmarks = scenes.landmarks_px + correlated_noise_px(model, scenes, 0.03, seed=11)
    evidence = FaceEvidence(landmarks, scenes.camera)
    fitter = HeadFitter(model, FitConfig(), detector=DetectorModel.perfect(landmarks.shape[1]))
    result = fitter.fit(evidence)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = fitter.fit(evidence)
        times.append(1e3 * (time.perf_counter() - start) / batch)
    start = time.perf_counter()
    energy = adam(fitter, evidence, int(options["adam_steps"]), float(options["learning_rate"]))
    adam_ms = 1e3 * (time.perf_counter() - start) / batch
    ours = statistics.median(times)
    unknowns = sum(value.shape[1] for value in fitter.problem(evidence).values().values())
    print(f"{batch} faces, {torch.get_num_threads()} threads, {unknowns} unknowns a face")
    print(f"Levenberg-Marquardt  {ours:8.2f} ms a face  (min {min(times):.2f}, max {max(times):.2f} of {repeats} runs)")
    print(f"                     energy {result.energy.mean():.3f} on average, {result.steps.float().mean():.1f} steps")
    print(f"Adam, {options['adam_steps']} steps      {adam_ms:8.2f} ms a face, energy {energy.mean():.3f} on average")
    lower = (result.energy <= energy + 1e-4 * energy.abs()).float().mean()
    print(f"{adam_ms / ours:.0f} times faster; energy no higher on {100 * lower:.0f} % of the faces")


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
