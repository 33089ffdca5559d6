from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Literal

import pytest

import shared.config
from shared.config import HeadCalibrationConfig
from shared.config.loading import (
    REQUIRED,
    ConfigError,
    UsageError,
    config_hash,
    load_config,
    options,
    shipped_configs,
    to_yaml,
)
from shared.config.option import option
from teacher.config import FitDatasetConfig, FitInputConfig

ROOT = Path(__file__).parents[1]
WORDS = ["input=a", "out=b"]


@dataclass(frozen=True)
class Inner:
    max_steps: int = option(30, "steps at most")
    damping: float = option(1e-3, "at first")


@dataclass(frozen=True)
class Outer:
    inputs: str = option(REQUIRED, "photos")
    which: Literal["largest", "all"] = option("largest", "faces")
    focal: float | None = option(None, "millimetres")
    limits: tuple[float, float] = option((1.0, 2.0), "low and high")
    flag: bool = option(False, "yes or no")
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.focal is not None and self.focal <= 0:
            raise ValueError(f"focal must be positive, got {self.focal}")


def load(*argv: str) -> Outer:
    return load_config(Outer, ["inputs=a", *argv])


def test_defaults_then_yaml_then_command_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("inputs: b\nlimits: [3, 4]\ninner:\n  max_steps: 5\n  damping: 1e-4\n")
    config = load_config(Outer, [str(path), "inner.max_steps=7", "focal=35"])
    assert config == Outer("b", "largest", 35.0, (3.0, 4.0), False, Inner(7, 1e-4))
    assert isinstance(config.inner.damping, float)


def test_a_resolved_config_reads_back(tmp_path: Path) -> None:
    config = load("inputs=it's a ${test}: #1", "focal=2.5", "limits=[0.1,7]", "inner.damping=3e-5")
    path = tmp_path / "saved.yaml"
    path.write_text(to_yaml(config))
    assert load_config(Outer, [str(path)]) == config


@pytest.mark.parametrize(
    "text", ["012", "yes", "a b=c.jpg", "{x", "[1,2]", "${x}", "2024-01-01", "1e3", "日本.jpg", "#1"]
)
def test_text_stays_as_typed(text: str) -> None:
    assert load(f"inputs={text}").inputs == text


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("inner.maxsteps=3", "did you mean inner.max_steps?"),
        ("max_steps=3", "did you mean inner.max_steps?"),
        ("focl=3", "did you mean focal?"),
        ("zzz=3", "There is: inputs, which, focal, limits, flag, inner.max_steps, inner.damping"),
        ("inner=3", "set one of: inner.max_steps, inner.damping"),
        ("focal.mm=3", "focal is a value and has no option 'mm'"),
        ("inner.max_steps=1.5", "inner.max_steps=1.5: expected a whole number"),
        ("inner.max_steps=true", "expected a whole number"),
        ("inner.max_steps=", "expected a whole number, got nothing"),
        ("focal=wide", "focal=wide: expected a number or null"),
        ("which=some", "which=some: expected one of largest, all"),
        ("limits=[1,2,3]", "expected a list like [1,1]"),
        ("flag=perhaps", "expected true or false"),
        ("focal=-1", "focal must be positive, got -1.0"),
        ("--focal=3", "write focal=3 without dashes"),
        ("photos", "options are written key=value"),
        ("photos", "Shipped YAML files: student/base, "),
    ],
)
def test_errors_say_what_to_type(argument: str, expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(argument)
    assert expected in str(error.value)


def test_unknown_key_in_yaml_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("inner:\n  maxsteps: 5\n")
    with pytest.raises(ConfigError, match=r"did you mean inner\.max_steps"):
        load_config(Outer, [str(path), "inputs=a"])


@pytest.mark.parametrize("text", ["a: [", "- 1\n", None])
def test_bad_yaml_files_are_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "x.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=r"x\.yaml"):
        load_config(Outer, [str(path), "inputs=a"])


@pytest.mark.parametrize(("argv", "code"), [([], 0), (["help"], 0), (["-h"], 0), (["focal=3"], 2), (["inputs="], 2)])
def test_usage_shows_every_option(argv: list[str], code: int) -> None:
    with pytest.raises(UsageError) as error:
        load_config(Outer, argv, about="Fits.", example="fit inputs=a")
    text = str(error.value)
    assert error.value.exit_code == code
    assert text.startswith("Fits.\n\nExample:\n  fit inputs=a")
    assert all(f"{key}=" in text and help_text in text for key, _, _, help_text in options(Outer))
    assert ("missing: inputs=" in text) == (code == 2)


def test_hash_follows_what_counts() -> None:
    assert config_hash(load()) == config_hash(load())
    assert config_hash(load()) != config_hash(load("inner.damping=1"))
    assert config_hash(load(), ("focal",)) == config_hash(load("focal=3"), ("focal",))


def test_every_option_of_the_project_has_help_and_a_usable_default() -> None:
    classes = [c for c in vars(shared.config).values() if isinstance(c, type) and is_dataclass(c) and fields(c)]
    assert len(classes) > 5
    for one in classes:
        for key, _, _, help_text in options(one):
            assert help_text, f"{one.__name__}.{key}"


@pytest.mark.parametrize("config_class", [FitDatasetConfig, FitInputConfig])
def test_shipped_yaml_files_load(config_class: type) -> None:
    name = "fit_dataset" if config_class is FitDatasetConfig else "fit"
    path = ROOT / "configs" / "teacher" / f"{name}.yaml"
    required = [f"{key}=x" for key, _, default, _ in options(config_class) if default == REQUIRED]
    assert load_config(config_class, [str(path), *required]) != load_config(config_class, required)


@pytest.mark.parametrize(
    "name", ["teacher/fit", "configs/teacher/fit.yaml", "teacher/fit.yaml", "./configs/teacher/fit.yaml"]
)
def test_shipped_yaml_files_are_found_from_anywhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = ROOT / "configs" / "teacher" / "fit.yaml"
    monkeypatch.chdir(tmp_path)
    assert load_config(FitInputConfig, [name, *WORDS]) == load_config(FitInputConfig, [str(shipped), *WORDS])


def test_a_file_of_the_working_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "configs" / "teacher" / "fit.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("input: mine\n")
    assert load_config(FitInputConfig, ["configs/teacher/fit.yaml", "out=b"]).input == "mine"


@pytest.mark.parametrize("name", ["configs/teacher/fitt.yaml", "configs/teacher", "fit.yaml", "teacher/fitt"])
def test_an_unknown_yaml_file_is_told_the_shipped_ones(name: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(FitInputConfig, [name, "input=a"])
    assert name in str(error.value)
    assert str(error.value).endswith("Shipped YAML files: " + ", ".join(shipped_configs()))


def test_every_yaml_file_is_shipped() -> None:
    files = {path.relative_to(ROOT / "configs").with_suffix("").as_posix() for path in ROOT.glob("configs/**/*.yaml")}
    assert {"teacher/fit", "student/nano"} <= files == set(shipped_configs())


def test_impossible_values_are_refused() -> None:
    for argument in ("shard_size=0", "fov_deg=0", "focal_px=-3", "quality.inside=1", "quality.eye_distance_mm=[80,50]"):
        with pytest.raises(ConfigError):
            load_config(FitDatasetConfig, ["inputs=a", "out=b", argument])
    for argument in ("people=1", "seed=-1"):
        with pytest.raises(ConfigError):
            load_config(HeadCalibrationConfig, ["ict=a", argument])
