"""A label that nepforge does not know, added as a plugin of pytest before anything is imported.

    pytest -p tests.toy_quantity tests/toy_quantity_checks.py

The toy is a charge of each atom. The model predicts twice the atomic energy as the charge.
"""

from __future__ import annotations

from typing import Any

import attrs

from nepforge import quantities

CHARGE = quantities.Quantity(
    name="charge",
    field="charges",
    words="charge",
    plural="charges",
    axis="Charge",
    unit="e",
    shown_unit="me",
    shown_factor=1.0e3,
    belongs_to="atom",
    weight_unit="1/e",
    prefactor_unit="1/e²",
    hint="; the toy has none",
)
quantities.QUANTITIES = (*quantities.QUANTITIES, CHARGE)

import nepforge.data.frame  # noqa: E402 - the row comes first
import nepforge.models.potential  # noqa: E402


def with_charges(record: type) -> type:
    """The class with one field more."""
    fields = {"charges": attrs.field(default=None)}
    return attrs.make_class(record.__name__, fields, (record,), frozen=True, eq=False)


nepforge.data.frame.Frame = with_charges(nepforge.data.frame.Frame)
nepforge.models.potential.Prediction = with_charges(nepforge.models.potential.Prediction)

import nepforge.data.batch  # noqa: E402

nepforge.data.batch.Batch = with_charges(nepforge.data.batch.Batch)

from nepforge.models.nep.network import NEP  # noqa: E402
from nepforge.train.jacobians import JACOBIANS, JacobianRows  # noqa: E402

JACOBIANS[CHARGE.name] = JacobianRows(  # type: ignore[index]
    1.0,
    lambda linearised, v: 2.0 * linearised.atomic_energy_rows(v),
    lambda linearised, v: 2.0 * linearised.atomic_energy_rows(v[None])[0].sum(dim=0),
)


def charged(found: Any) -> Any:
    """A prediction with charges."""
    return attrs.evolve(found, charges=2.0 * found.atomic_energy)


class ToyModel:
    """A NEP that predicts charges too."""

    def __init__(self, *sizes: Any) -> None:
        self.nep = NEP(*sizes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.nep, name)

    def predict(self, *given: Any) -> Any:
        return charged(self.nep.predict(*given))

    def linearise(self, *given: Any) -> Any:
        return _Charged(self.nep.linearise(*given))


class _Charged:
    def __init__(self, linearised: Any) -> None:
        self.linearised = linearised
        self.prediction = charged(linearised.prediction)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.linearised, name)
