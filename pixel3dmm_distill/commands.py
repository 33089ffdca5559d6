"""The commands that an installation brings: the same as the scripts of the checkout."""

from __future__ import annotations

from importlib import import_module

from shared.runs.entry import run_entry


def fit() -> None:
    """`teacher/fit.py`."""
    _run("teacher.fit")


def fit_views() -> None:
    """`teacher/fit_views.py`."""
    _run("teacher.fit_views")


def fit_dataset() -> None:
    """`teacher/fit_dataset.py`."""
    _run("teacher.fit_dataset")


def infer() -> None:
    """`student/infer.py`."""
    _run("student.infer")


def train_student() -> None:
    """`student/train.py`."""
    _run("student.train")


def evaluate() -> None:
    """`python -m shared.evaluate`."""
    _run("shared.evaluate.__main__")


def _run(script: str) -> None:
    run_entry(import_module(script).main)
