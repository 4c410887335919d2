"""Small trainings for every kind of optimizer."""

from __future__ import annotations

import attrs

from nepforge.data.frame import Frame
from nepforge.models.nep.network import NEP
from nepforge.recipe.tables import AdamOptimizer, LKFOptimizer, Prefactors, SNESOptimizer, Weights
from tests.conftest import SPECIES, random_model
from tests.contracts import MakeFrame, Sample, Task

MODEL = NEP(SPECIES, (4.5, 4.0), (2, 2), (3, 3), 2, (), 6)
WEIGHTS = Weights(energy=10.0, force=1.0, virial=1.0, atomic_energy=0.5)
TABLES = {
    LKFOptimizer: LKFOptimizer(
        kind="lkf",
        epochs=1,
        batch_size=3,
        force_groups=2,
        block_size=100,
        p0_weight=1.0,
        weights=WEIGHTS,
    ),
    AdamOptimizer: AdamOptimizer(
        kind="adamw",
        epochs=1,
        batch_size=3,
        learning_rate=(0.02, 0.002),
        schedule_steps=60,
        decay_steps=4,
        prefactors=Prefactors(energy=(0.1, 1.0), force=(10.0, 1.0), virial=(1.0, 1.0)),
        weights=WEIGHTS,
    ),
    SNESOptimizer: SNESOptimizer(
        kind="snes", epochs=1, batch_size=3, population=12, lambda_1=0.0, weights=WEIGHTS
    ),
}


def labelled(frames: list[Frame]) -> list[Frame]:
    """The frames with all labels of a teacher model of the same kind."""
    trained = random_model(MODEL, 9)
    teacher = Sample(MODEL, trained.parameters, trained.q_scaler)
    result = []
    for frame in frames:
        found, batch = teacher.predict([frame])
        result.append(
            attrs.evolve(
                frame,
                energy=float(found.energy[0]),
                forces=batch.to_source_order(found.forces).numpy(),
                virial=found.virial[0].numpy(),
                atomic_energy=batch.to_source_order(found.atomic_energy).numpy(),
            )
        )
    return result


def small_task(make_frame: MakeFrame, table: object) -> Task:
    """Two batches of three frames with the labels of a teacher, random first parameters."""
    first = random_model(MODEL, 4)
    sample = Sample(MODEL, first.parameters, first.q_scaler)
    frames = labelled([make_frame(seed, 6) for seed in range(6)])
    return Task(sample, [sample.batch(frames[:3]), sample.batch(frames[3:])], table)
