"""Where the toy quantity of `toy_quantity.py` arrives; run by `test_quantities.py`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from nepforge.comparison.table import Row, Spread
from nepforge.comparison.text import cells
from nepforge.data.batch import make_batch
from nepforge.data.frame import label_digest, load_frames, save_frames
from nepforge.data.neighbors import find_neighbors
from nepforge.evaluate.inference import Predicted, compare
from nepforge.plan.tables import TrainedLabels
from nepforge.plots.curves import loss_curves
from nepforge.recipe.strict import read_recipe
from nepforge.recipe.tables import Prefactors
from nepforge.stages.evaluate import predict_set
from nepforge.stages.requirements import _labels
from nepforge.stages.usefulness import judge
from nepforge.store.run_record import metric_unit
from nepforge.train.loss import loss_gradient
from nepforge.train.observations import observe
from nepforge.ui.report import _errors
from tests.conftest import SPECIES, random_model
from tests.toy_quantity import CHARGE, ToyModel

SIZES = (SPECIES, (4.5, 4.0), (2, 2), (3, 3), 3, ("222",), 5)
MODEL = ToyModel(*SIZES)
NUMBERS = random_model(MODEL.nep, 1)
ONLY = {"energy": 0.0, "force": 0.0, "virial": 0.0, "atomic_energy": 0.0, "charge": 3.0}
STEP = 1.0e-6


@pytest.fixture
def frames(random_frame: Callable[..., Any]) -> list[Any]:
    """Two frames with charges, one without."""
    rng = np.random.default_rng(1)
    made = [random_frame(seed) for seed in range(3)]
    return [*(attrs.evolve(f, charges=rng.normal(size=f.n_atoms)) for f in made[:2]), made[2]]


def batch_of(frames: list[Any]) -> Any:
    return make_batch(frames, [find_neighbors(f, SPECIES, 4.5) for f in frames])


def test_it_is_a_key_of_the_recipe() -> None:
    """A weight, prefactors and a tolerance."""
    document = tomllib.loads(Path("recipes/hfo2.toml").read_text(encoding="utf-8"))
    document["optimizer"]["weights"]["charge"] = 0.5
    document["tolerances"] = {"valid_charge_rmse": {"relative": 0.1}}
    recipe, violations = read_recipe(document)
    assert violations == []
    assert recipe is not None
    assert recipe.optimizer.weights.charge == 0.5
    assert Prefactors(charge=(1.0, 2.0)).charge == (1.0, 2.0)


def test_it_goes_with_the_frame(frames: list[Any], tmp_path: Path) -> None:
    """Into the file of the data stage, back, into the digest of labels, and into the batch."""
    save_frames(tmp_path / "frames.npz", frames)
    again = load_frames(tmp_path / "frames.npz")
    assert again[0].charges.tolist() == frames[0].charges.tolist()
    assert again[2].charges is None
    assert label_digest(frames[0]) != label_digest(attrs.evolve(frames[0], charges=None))
    batch = batch_of(frames)
    assert batch.to_source_order(batch.charges)[:7].tolist() == frames[0].charges.tolist()


def test_it_is_learned_by_the_filter(frames: list[Any]) -> None:
    """Rows of observations are minus the slopes of the innovations."""

    def look(parameters: torch.Tensor) -> Any:
        rng = torch.Generator().manual_seed(1)
        batch, scaler = batch_of(frames), NUMBERS.q_scaler
        return observe(MODEL, parameters, scaler, batch, force_groups=2, weights=ONLY, rng=rng)

    direction = torch.linspace(-1.0, 1.0, MODEL.n_parameters, dtype=torch.float64)
    here = look(NUMBERS.parameters)
    upper, lower = (look(NUMBERS.parameters + s * STEP * direction) for s in (1.0, -1.0))
    slopes = (upper.innovations - lower.innovations) / (2.0 * STEP)
    assert len(here.innovations) == 2 * 2
    torch.testing.assert_close(slopes, -here.rows @ direction, rtol=1e-6, atol=1e-6)


def test_it_is_learned_by_gradient_descent(frames: list[Any]) -> None:
    """The gradient of the loss is its slope."""

    def look(parameters: torch.Tensor) -> Any:
        batch, ones = batch_of(frames), torch.ones(21, 1, dtype=torch.float64)
        return loss_gradient(MODEL, parameters, NUMBERS.q_scaler, batch, ONLY, ones)

    direction = torch.linspace(-1.0, 1.0, MODEL.n_parameters, dtype=torch.float64)
    upper, lower = (look(NUMBERS.parameters + s * STEP * direction) for s in (1.0, -1.0))
    slope = (upper.loss - lower.loss) / (2.0 * STEP)
    assert slope == pytest.approx(float(look(NUMBERS.parameters).gradient @ direction), rel=1e-6)


def test_it_is_evaluated(frames: list[Any]) -> None:
    """Errors, arrays of labels and predictions, and whether the model is better than a guess."""
    trained: Any = SimpleNamespace(
        model=MODEL, parameters=NUMBERS.parameters, scaler=NUMBERS.q_scaler
    )
    found = predict_set(trained, frames)
    error = found.prediction["charges"] - found.reference["charges"]
    metrics = found.errors.report("valid")
    assert metrics["valid_charge_rmse"] == pytest.approx(np.sqrt(np.nanmean(error**2)))
    judged = judge(metrics, frames, frames, SPECIES)
    assert "charge" in [one.label for one in judged.compared]


def test_labels_are_no_predictions(frames: list[Any]) -> None:
    """A model that does not predict it is not given the label as its prediction."""
    frame = frames[0]
    entry = Predicted(frame, np.zeros(7), np.zeros((7, 3)), np.zeros((3, 3)))
    assert "charge_rmse" not in compare([entry]).metrics()


def test_it_is_shown(tmp_path: Path) -> None:
    """In curves, the table of a run, the comparison, with its unit in the ledger."""
    loss_curves(tmp_path / "loss.png", [1], [1.0], {"valid_charge_rmse": [0.3]})
    assert any("charge RMSE" in str(line) for line in _errors({"evaluate.valid_charge_rmse": 0.3}))
    spread = Spread(1.0, None)
    row = Row("lkf", "lkf", 1, spread, spread, {"valid_charge_rmse": Spread(0.0123, None)})
    head, line = cells([row])
    assert (head[-1], line[-1]) == ("charge RMSE, me", "12.3")
    assert metric_unit("evaluate.valid_charge_mae") == "e"


def test_data_without_it_are_refused(frames: list[Any]) -> None:
    """A weight above 0 needs the label, and the row has the hint."""
    (problem,) = _labels(TrainedLabels(weights=("charge",)), frames[2:])
    assert problem.path == "optimizer.weights.charge"
    assert problem.hint.endswith(CHARGE.hint)
