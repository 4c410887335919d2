"""The comparison in words and cells, for the terminal and for comparison.md."""

from __future__ import annotations

from nepforge.comparison.table import Comparison, Lead, Row, Spread

# metric, title, unit shown, factor to it
SHOWN_ERRORS = (
    ("valid_energy_rmse", "energy", "meV/atom", 1.0e3),
    ("valid_force_rmse", "force", "eV/Å", 1.0),
    ("valid_virial_rmse", "virial", "meV/atom", 1.0e3),
)


def cells_of(row: Row) -> list[str]:
    """The texts of a row under `head()`."""
    shown = [
        spread_text(row.errors[name], factor) if name in row.errors else "-"
        for name, _, _, factor in SHOWN_ERRORS
    ]
    return [
        row.variant,
        str(row.n_runs),
        spread_text(row.epochs, 1.0),
        spread_text(row.seconds, 1.0),
        *shown,
    ]


def head() -> list[str]:
    """Titles of the columns with their units."""
    errors = [f"{title} RMSE, {unit}" for _, title, unit, _ in SHOWN_ERRORS]
    return ["variant", "runs", "epochs", "training, s", *errors]


def spread_text(spread: Spread, factor: float) -> str:
    """ "0.0912 ± 0.0021", with three digits of the mean; without a spread "0.0912"."""
    mean = _three_digits(factor * spread.mean)
    if not spread.deviation:
        return mean
    decimals = len(mean.partition(".")[2])
    return f"{mean} ± {factor * spread.deviation:.{decimals}f}"


def lead_text(lead: Lead) -> str:
    """ "lowest force RMSE: lkf, 0.59 of adam, whose best it had after 12.0 s instead of 140 s"."""
    title = next(title for name, title, _, _ in SHOWN_ERRORS if name == lead.metric)
    text = f"lowest {title} RMSE: {lead.variant}, {lead.ratio:.2f} of {lead.second}"
    if lead.seconds is None:
        return text
    first, second = _three_digits(lead.seconds), _three_digits(lead.second_seconds)
    return f"{text}, whose best it had after {first} s of training instead of {second} s"


def markdown(comparison: Comparison) -> str:
    """The table, and who is ahead."""
    table = [head(), ["---"] * len(head()), *(cells_of(row) for row in comparison.rows)]
    lines = ["| " + " | ".join(cells) + " |" for cells in table]
    leads = [f"- {lead_text(lead)}" for lead in comparison.leads]
    text = "Errors of the best model of each run on its validation data; mean ± standard deviation."
    return "\n".join([text, "", *lines, "", *leads]) + "\n"


def _three_digits(value: float) -> str:
    if value >= 100 or value.is_integer():
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".")
