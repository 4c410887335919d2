"""The comparison in words and cells, for the terminal and for comparison.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nepforge.comparison.table import ERRORS, Comparison, Lead, Row, Spread
from nepforge.quantities import Quantity


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Titles with their units, and the texts of the rows.

    An optional quantity that no row has gets no column.
    """
    shown = {
        name: quantity
        for name, quantity in ERRORS.items()
        if not quantity.is_optional or any(name in row.errors for row in rows)
    }
    titles = [f"{quantity.words} RMSE, {quantity.shown_unit}" for quantity in shown.values()]
    head = ["variant", "runs", "epochs", "training, s", *titles]
    return [head, *(_cells_of(row, shown) for row in rows)]


def _cells_of(row: Row, shown: Mapping[str, Quantity]) -> list[str]:
    errors = [
        spread_text(row.errors[name], quantity.shown_factor) if name in row.errors else "-"
        for name, quantity in shown.items()
    ]
    return [
        row.variant,
        str(row.n_runs),
        spread_text(row.epochs, 1.0),
        spread_text(row.seconds, 1.0),
        *errors,
    ]


def spread_text(spread: Spread, factor: float) -> str:
    """ "0.0912 ± 0.0021", with three digits of the mean; without a spread "0.0912"."""
    mean = _three_digits(factor * spread.mean)
    if not spread.deviation:
        return mean
    decimals = len(mean.partition(".")[2])
    return f"{mean} ± {factor * spread.deviation:.{decimals}f}"


def lead_text(lead: Lead) -> str:
    """ "lowest force RMSE: lkf, 0.59 of adam, whose best it had after 12.0 s instead of 140 s"."""
    words = ERRORS[lead.metric].words
    text = f"lowest {words} RMSE: {lead.variant}, {lead.ratio:.2f} of {lead.second}"
    if lead.seconds is None:
        return text
    first, second = _three_digits(lead.seconds), _three_digits(lead.second_seconds)
    return f"{text}, whose best it had after {first} s of training instead of {second} s"


def markdown(comparison: Comparison) -> str:
    """The table, and who is ahead."""
    head, *rows = cells(comparison.rows)
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    leads = [f"- {lead_text(lead)}" for lead in comparison.leads]
    text = "Errors of the best model of each run on its validation data; mean ± standard deviation."
    return "\n".join([text, "", *lines, "", *leads]) + "\n"


def _three_digits(value: float) -> str:
    if value >= 100 or value.is_integer():
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".")
