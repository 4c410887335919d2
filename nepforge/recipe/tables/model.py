"""[model]: the shape of the potential."""

from __future__ import annotations

from typing import Annotated, Literal

from attrs import field, frozen

from nepforge.recipe.limits import in_range
from nepforge.recipe.tables.key import key
from nepforge.recipe.tables.values import (
    MOST_NEURONS,
    Count,
    Cutoff,
    FileName,
    FunctionCount,
    Index,
    Invariant,
    NonNegative,
    Positive,
    ZblRow,
)


@frozen(kw_only=True)
class ZblRange:
    """zbl = { ... }: a range that one number cannot express."""

    outer: Positive = field(
        metadata=key("outer cutoff, at most the smallest angular `cutoff`", unit="Å")
    )
    inner: NonNegative | None = field(
        default=None,
        metadata=key(
            "where the repulsion begins to fade; default `outer`/2",
            unit="Å",
            more="Unused with `factor`",
        ),
    )
    factor: Positive | None = field(
        default=None,
        metadata=key(
            "type-wise ZBL: the outer cutoff of a pair is `factor` times the sum of its covalent "
            "radii (times 4/3), at most `outer`; the repulsion fades from 0 on",
            source="GPUMD: `use_typewise_cutoff_zbl`, 0.65 there",
        ),
    )


Zbl = Positive | ZblRange | tuple[ZblRow, ...]


@frozen(kw_only=True)
class NEPModelTable:
    """[model], kind = "nep": the shape of the potential."""

    kind: Literal["nep"] = field(
        metadata=key("NEP4 with one output bias per species", example="nep")
    )
    cutoff: Cutoff = field(
        metadata=key(
            "radial and angular cutoff radius, angular at most radial",
            unit="Å",
            more="Either one pair for all species, or one pair per species in the order of "
            "`data.species`: the cutoff between two species is then the mean of theirs",
            example=[6.0, 5.0],
        )
    )
    n_max: tuple[FunctionCount, FunctionCount] = field(
        metadata=key("radial, angular: n_max + 1 radial functions g_n", example=[4, 4])
    )
    basis_size: tuple[FunctionCount, FunctionCount] = field(
        metadata=key(
            "radial, angular: each g_n is a sum of basis_size + 1 functions f_k", example=[8, 8]
        )
    )
    l_max: Annotated[int, in_range(at_least=1, at_most=8)] = field(
        metadata=key("three-body orders 1..l_max", source="Limit: GPUMD", example=4)
    )
    invariants: tuple[Invariant, ...] = field(
        metadata=key(
            "many-body invariants, each once: 222, 1111, 112, 123, 233, 134",
            more='Least `l_max`: "1111" 1, "222" and "112" 2, "123" and "233" 3, "134" 4. "1111" '
            "equals (7/15) q² of l = 1 and adds no information",
            example=["222"],
        )
    )
    neurons: Annotated[int, in_range(at_least=1, at_most=MOST_NEURONS)] = field(
        metadata=key("width of the hidden layer of each species", example=40)
    )
    zbl: Zbl | None = field(
        default=None,
        metadata=key(
            "repulsion of the nuclei at short range (Ziegler, Biersack, Littmark)",
            unit="Å",
            more="Added to the network and not trained. A number: the outer cutoff of all pairs, "
            "fading from half of it on (GPUMD's `zbl`). A table: see below. An array: a flexible "
            "ZBL, one row per pair of species (0, 0), (0, 1), ..., (1, 1), ...: inner and outer "
            "cutoff, then amplitude and decay of four terms. Outer cutoffs are at most the "
            "smallest angular `cutoff`",
        ),
    )
    start_from: FileName | None = field(
        default=None,
        metadata=key(
            "a model to train further: `nep_model.ckpt`, GPUMD's nep.txt (nep3, nep4, nep5) or "
            "`nep_to_lmps.txt`",
            more="It may know more species (NEP89): it is cut down to `data.species`. Its sizes "
            "must be those of this table, its `q_scaler` is kept, and its output biases are first "
            "shifted to the energies of the training frames. Its content is part of the recipe "
            "hash",
            file="model",
        ),
    )


@frozen(kw_only=True)
class DPModelTable:
    """[model], kind = "dp": a Deep Potential to compare with; defaults of DeePMD-kit."""

    kind: Literal["dp"] = field(metadata=key("Deep Potential"))
    cutoff: Positive = field(
        default=6.0, metadata=key("cutoff radius", unit="Å", source="DeePMD-kit (`rcut`)")
    )
    smooth_cutoff: NonNegative = field(
        default=0.5,
        metadata=key(
            "where the weight 1/r of a neighbour begins to fall to 0, below `cutoff`",
            unit="Å",
            source="DeePMD-kit (`rcut_smth`)",
        ),
    )
    embedding: tuple[Count, ...] = field(
        default=(10, 20, 40),
        metadata=key(
            "widths of the layers of the embedding networks, one network per ordered pair of "
            "species",
            source="DeePMD-kit (`neuron`)",
        ),
    )
    axis: Count = field(
        default=4,
        metadata=key(
            "columns of the second factor of the descriptor, at most the last width of `embedding`",
            source="DeePMD-kit (`axis_neuron`)",
        ),
    )
    fitting: tuple[Count, ...] = field(
        default=(120, 120, 120),
        metadata=key(
            "widths of the layers of the fitting networks, one network per species",
            source="DeePMD-kit",
        ),
    )
    type_embedding: Index = field(
        default=0,
        metadata=key(
            "length of the trained vector of each species that one common embedding and one "
            "common fitting network are given; 0: separate networks as above"
        ),
    )


Model = NEPModelTable | DPModelTable
