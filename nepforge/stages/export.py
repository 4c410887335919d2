"""Stage export: the trained model as text, in the layouts that the recipe names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nepforge.data.frame import IntArray, load_frames
from nepforge.data.neighbors import find_neighbors
from nepforge.data.prepare import composition
from nepforge.events import Message
from nepforge.formats.neighbor_counts import count_neighbors
from nepforge.formats.nep_txt import LAYOUTS
from nepforge.formats.open_model import open_nep
from nepforge.plan.tables import ExportTable
from nepforge.stages.context import StageContext


def run(table: ExportTable, inputs: Mapping[str, Path], ctx: StageContext) -> None:
    """Write one text file per layout: nep4.txt, nep5.txt, nep_to_lmps.txt."""
    trained = open_nep(inputs["model"]).trained
    model = trained.model
    frames = load_frames(inputs["frames"])
    counts = trained.neighbors or count_neighbors(
        model, (find_neighbors(frame, model.species, model.neighbor_cutoff) for frame in frames)
    )
    shares = composition(frames, model.species).sum(axis=0)
    for layout in table.export.layouts:
        file_name, write = LAYOUTS[layout]
        write(ctx.out / file_name, trained, counts, shares.tolist())
    if "nep4" in table.export.layouts and model.n_types > 1:
        text = (
            f"nep4.txt has one bias for all elements: its total energies hold for "
            f"{ratio_text(model.species, shares)}; forces hold always"
        )
        ctx.emit(Message("info", text, ctx.stage))


def ratio_text(species: Sequence[str], counts: IntArray) -> str:
    """ "Hf:O = 1:2", of the species that have atoms; counts [n_species]."""
    present = [(symbol, n) for symbol, n in zip(species, counts.tolist(), strict=True) if n]
    fewest = min(n for _, n in present)
    names = ":".join(symbol for symbol, _ in present)
    return f"{names} = {':'.join(f'{n / fewest:g}' for _, n in present)}"
