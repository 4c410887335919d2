"""The potentials that every test of derivatives and invariances is run with."""

from __future__ import annotations

import torch

from nepforge.models.dp.network import DP
from nepforge.models.nep.invariants import INVARIANTS
from nepforge.models.nep.network import NEP
from nepforge.models.nep.zbl import ZBL
from tests.conftest import SPECIES, random_model
from tests.contracts import Sample

NEP_MODELS = {
    "reference": NEP(SPECIES, (5.0, 5.0), (4, 4), (8, 8), 4, ("222", "1111"), 10),
    "unequal": NEP(SPECIES, (5.0, 4.0), (3, 2), (5, 4), 3, ("222",), 7),
    "all": NEP(SPECIES, (4.5, 4.0), (2, 3), (4, 5), 5, INVARIANTS, 6),
    "plain": NEP(SPECIES, (4.5, 4.5), (2, 2), (4, 4), 8, (), 5),
    "type-wise": NEP(SPECIES, ((5.0, 4.4), (4.2, 4.2)), (3, 2), (4, 4), 3, ("222",), 6),
    "zbl": NEP(SPECIES, (4.5, 4.0), (2, 2), (4, 4), 3, (), 5, ZBL(inner=1.3, outer=2.6)),
}
DP_MODELS = {
    "dp": DP(SPECIES, 4.5, 2.0, (4, 8, 8), 3, (6, 6, 12)),
    "dp-one-layer": DP(SPECIES, 4.0, 0.0, (5,), 5, (7,)),
    "dp-type-embedding": DP(SPECIES, 4.5, 2.0, (4, 8, 8), 3, (6, 6), 3),
}


def nep_sample(model: NEP) -> Sample:
    trained = random_model(model, 1)
    return Sample(model, trained.parameters, trained.q_scaler)


def dp_sample(model: DP) -> Sample:
    rng = torch.Generator().manual_seed(1)
    scaler = torch.tensor([[6.0, 8.0, 0.1], [5.0, 7.0, 0.1]], dtype=torch.float64)
    return Sample(model, model.initial_parameters([-3.0, -5.0], rng), scaler)


SAMPLES = {
    **{name: nep_sample(model) for name, model in NEP_MODELS.items()},
    **{name: dp_sample(model) for name, model in DP_MODELS.items()},
}
