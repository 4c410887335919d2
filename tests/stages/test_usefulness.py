"""A model no better than a trivial guess is reported, and no MD is run with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from nepforge.data.frame import Frame
from nepforge.errors import StageError
from nepforge.events import Message
from nepforge.plan.build import build
from nepforge.recipe.load import load_recipe
from nepforge.stages import evaluate, verify
from nepforge.stages.usefulness import judge
from tests.stages.test_line import ADAM, EVALUATE_TABLE, EXPORT_TABLE, Bench, bench, run_export

__all__ = ["bench"]  # a fixture

MakeFrame = Callable[..., Frame]
SPECIES = ("Hf", "O")
RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture
def frames(random_frame: MakeFrame) -> list[Frame]:
    return [random_frame(seed) for seed in range(6)]


def useless(frames: list[Frame], **metrics: float) -> tuple[bool, list[str]]:
    """The verdict, and the labels that are not predicted."""
    named = {f"valid_{name}_rmse": value for name, value in metrics.items()}
    found = judge(named, frames, frames, SPECIES)
    return found.is_useless, [one.label for one in found.compared if one.is_useless]


def rms(frames: list[Frame]) -> float:
    return float(np.sqrt(np.mean(np.concatenate([f.forces for f in frames]) ** 2)))


def test_forces_decide_where_there_are_any(frames: list[Frame]) -> None:
    """At the rms of the labels and above; a bad energy beside good forces is a warning."""
    assert useless(frames, force=0.5 * rms(frames), energy=1e-4) == (False, [])
    for factor in (0.995, 1.0, 50.0):
        assert useless(frames, force=factor * rms(frames), energy=1e-4) == (True, ["force"])
    assert useless(frames, force=0.5 * rms(frames), energy=1e8) == (False, ["energy"])


def test_without_forces_all_kinds_of_labels_must_fail(frames: list[Frame]) -> None:
    """The energy guess is one energy per species, the virial guess 0."""
    bare = [attrs.evolve(frame, forces=None) for frame in frames]
    assert useless(bare, energy=1e8, virial=1e8) == (True, ["energy", "virial"])
    assert useless(bare, energy=1e8, virial=1e-3) == (False, ["energy"])
    assert useless(bare, energy=1e-6) == (False, [])


def test_atomic_energies_are_compared_with_the_means_of_their_species(frames: list[Frame]) -> None:
    """Alone in a set, they decide."""
    alone = [
        attrs.evolve(
            f, energy=None, forces=None, virial=None, atomic_energy=-5.0 + f.positions[:, 0]
        )
        for f in frames
    ]
    assert useless(alone, atomic_energy=3.0) == (True, ["atomic_energy"])
    assert useless(alone, atomic_energy=0.1) == (False, [])


def test_labels_that_are_noise_judge_nobody(frames: list[Frame]) -> None:
    """Forces of symmetric or relaxed structures are zero up to the noise of their code."""
    still = [attrs.evolve(f, forces=1e-4 * f.forces) for f in frames if f.forces is not None]
    assert useless(still, force=1e-3, energy=1e-6) == (False, [])
    bare = [attrs.evolve(f, energy=None, virial=None) for f in still]
    assert useless(bare, force=1e-3) == (False, [])


def test_a_diverged_training_is_said_and_fails_before_md(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A learning rate of 1e8: the exported files are faithful but useless."""
    monkeypatch.setattr(evaluate, "write_parity", lambda *_arguments, **_options: None)
    table: dict[str, Any] = {**ADAM, "learning_rate": [1.0e8, 1.0e7]}
    inputs = run_export(bench, optimizer=table)
    files = {"model": bench.file("train", "nep_model.ckpt"), **bench.frames()}
    evaluate.run(EVALUATE_TABLE, files, bench.context("evaluate"))
    texts = [e.text for e in bench.events if isinstance(e, Message) and e.level == "warning"]
    assert any("validation virial RMSE" in text for text in texts)
    assert all("is not clearly below" in text for text in texts)
    usefulness = bench.file("evaluate", "usefulness.json")
    assert json.loads(usefulness.read_text())["useless"]
    verify.run(EXPORT_TABLE, inputs, bench.context("verify"))  # nothing follows
    with pytest.raises(StageError, match=r"no better than none.*validation energy RMSE .* eV/atom"):
        verify.run(EXPORT_TABLE, {**inputs, "usefulness": usefulness}, bench.context("verify"))


def test_only_a_recipe_with_md_refuses_a_useless_model() -> None:
    """Without it the files and plots are there to be looked at."""
    loaded = load_recipe(RECIPES / "smoke" / "hfo2_smoke.toml")
    stages = {stage.name: stage for stage in build(loaded).stages}
    assert "usefulness" in stages["verify"].inputs
    bare = attrs.evolve(loaded, recipe=attrs.evolve(loaded.recipe, md=()))
    stages = {stage.name: stage for stage in build(bare).stages}
    assert "usefulness" not in stages["verify"].inputs
