"""The Deep Potential equals DeePMD-kit on the same weights; runs where deepmd-kit is installed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase.data import atomic_numbers
from numpy.typing import NDArray

from nepforge.data.frame import Frame
from nepforge.errors import ModelFileError
from nepforge.formats.open_model import open_model
from nepforge.models.dp.dense import Layer
from nepforge.models.dp.network import DP
from tests.conftest import SPECIES
from tests.models.dp.test_network import MakeFrame
from tests.models.potentials import DP_MODELS, Sample, dp_sample

pytest.importorskip("deepmd.dpmodel", reason="needs deepmd-kit (its numpy backend)")

from deepmd.dpmodel.descriptor.se_e2_a import DescrptSeA
from deepmd.dpmodel.fitting.ener_fitting import EnergyFittingNet
from deepmd.dpmodel.model.ener_model import EnergyModel

SEL = [60, 60]  # more neighbours of a type than any atom of the samples has
STEP = 1.0e-4  # Å, and as a strain
EXACT = 1.0e-10
Positions = NDArray[np.float64]


@pytest.fixture(params=["dp", "dp-one-layer"])
def sample(request: pytest.FixtureRequest) -> Sample:
    made = dp_sample(DP_MODELS[request.param])
    made.scaler[:, 2] = 1.0 / sum(SEL)
    return made


def test_energies_equal_those_of_deepmd_kit(sample: Sample, random_frame: MakeFrame) -> None:
    """The same weights give the same energy of each atom to 1e-10 eV."""
    frame = random_frame(2)
    prediction, batch = sample.predict([frame])
    own = torch.empty_like(prediction.atomic_energy)
    own[batch.source_idx] = prediction.atomic_energy
    found = _evaluate(deepmd_model(sample), frame, frame.positions, frame.cell)["atom_energy"]
    np.testing.assert_allclose(own.numpy(), found[0, :, 0], rtol=0.0, atol=EXACT)


def test_forces_and_virial_are_slopes_of_the_energy_of_deepmd_kit(
    sample: Sample, random_frame: MakeFrame
) -> None:
    """Central differences of DeePMD-kit's energy, to the order of their error."""
    frame = random_frame(2)
    model = deepmd_model(sample)
    prediction, batch = sample.predict([frame])

    def energy(positions: Positions, cell: Positions) -> float:
        return float(_evaluate(model, frame, positions, cell)["energy"][0, 0])

    force = prediction.forces[list(batch.source_idx).index(0)]
    for axis in range(3):
        step = np.zeros_like(frame.positions)
        step[0, axis] = STEP
        upper, lower = (energy(frame.positions + s * step, frame.cell) for s in (1, -1))
        assert -(upper - lower) / (2 * STEP) == pytest.approx(float(force[axis]), abs=1e-6)
    for component in range(6):
        strain = np.zeros((3, 3))
        strain[*sorted((component % 3, (component + component // 3) % 3))] = STEP
        strain = (strain + strain.T) / 2.0
        upper, lower = (
            energy(frame.positions @ deformed, frame.cell @ deformed)
            for deformed in (np.eye(3) + strain, np.eye(3) - strain)
        )
        expected = float((prediction.virial[0].numpy() * strain).sum()) / STEP
        assert -(upper - lower) / (2 * STEP) == pytest.approx(expected, abs=1e-5)


def test_a_frozen_model_gives_what_its_weights_say(random_frame: MakeFrame, tmp_path: Path) -> None:
    """Through DeePMD-kit's TensorFlow: energies, forces and the sign of the virial."""
    pytest.importorskip("tensorflow", reason="needs nepforge[deepmd]")
    sample = dp_sample(DP_MODELS["dp-one-layer"])
    sample.scaler[:, 2] = 1.0 / sum(SEL)
    frame = random_frame(2)
    found = (
        open_model(_frozen(sample, tmp_path))
        .evaluator()
        .evaluate_structure(frame.numbers, frame.positions, frame.cell)
    )
    expected, batch = sample.predict([frame])
    own = batch.to_source_order
    np.testing.assert_allclose(found.energies, own(expected.atomic_energy), rtol=0.0, atol=EXACT)
    np.testing.assert_allclose(found.forces, own(expected.forces), rtol=0.0, atol=EXACT)
    np.testing.assert_allclose(found.virial, expected.virial[0], rtol=0.0, atol=EXACT)


def test_a_frozen_model_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    """A damaged file, or a backend that is not installed."""
    path = tmp_path / "frozen.pb"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match=r"frozen\.pb.*DeePMD-kit") as caught:
        _ = open_model(path).evaluator().species
    assert caught.value.hint


def _frozen(sample: Sample, folder: Path) -> Path:
    """The sample as a frozen model of the TensorFlow backend."""
    from deepmd.dpmodel.utils.serialization import save_dp_model  # noqa: PLC0415
    from deepmd.entrypoints.convert_backend import convert_backend  # noqa: PLC0415

    dp = sample.model
    assert isinstance(dp, DP)
    settings = {
        "type_map": list(dp.species),
        "descriptor": {
            "type": "se_e2_a",
            "rcut": dp.cutoff,
            "rcut_smth": dp.smooth_cutoff,
            "sel": SEL,
            "neuron": list(dp.embedding),
            "axis_neuron": dp.axis,
            "set_davg_zero": True,
        },
        "fitting_net": {"neuron": list(dp.fitting), "resnet_dt": False},
    }
    weights = deepmd_model(sample).serialize()
    plain, frozen = folder / "model.dp", folder / "model.pb"
    save_dp_model(str(plain), {"model": weights, "backend": "Numpy", "model_def_script": settings})
    convert_backend(INPUT=str(plain), OUTPUT=str(frozen))
    return frozen


def deepmd_model(sample: Sample) -> Any:
    """DeePMD-kit's model with the numbers of the sample."""
    dp = sample.model
    assert isinstance(dp, DP)
    names = list(dp.species)
    descriptor = DescrptSeA(
        dp.cutoff,
        dp.smooth_cutoff,
        SEL,
        neuron=list(dp.embedding),
        axis_neuron=dp.axis,
        set_davg_zero=True,
        type_one_side=False,
        type_map=names,
    )
    fitting = EnergyFittingNet(
        dp.n_types,
        descriptor.get_dim_out(),
        neuron=list(dp.fitting),
        resnet_dt=False,
        type_map=names,
    )
    table = EnergyModel(descriptor, fitting, type_map=names).serialize()
    weights = dp.views(sample.parameters)
    spread = 1.0 / sample.scaler[:, [0, 1, 1, 1]].numpy()  # of s, s u_x, s u_y, s u_z
    table["descriptor"]["@variables"]["dstd"][:] = spread[:, None, :]
    for pair, net in enumerate(table["descriptor"]["embeddings"]["networks"]):
        neighbor, centre = divmod(pair, dp.n_types)  # its first index runs fastest
        _fill(net["layers"], weights.embedding[centre * dp.n_types + neighbor])
    for species, net in enumerate(table["fitting"]["nets"]["networks"]):
        _fill(net["layers"][:-1], weights.fitting[species])
        last = net["layers"][-1]["@variables"]
        last["w"][:], last["b"][:] = weights.output[species].numpy()[:, None], 0.0
    table["fitting"]["@variables"]["bias_atom_e"][:] = weights.bias.numpy()[:, None]
    return EnergyModel.deserialize(table)


def _fill(tables: list[dict[str, Any]], layers: list[Layer]) -> None:
    for table, layer in zip(tables, layers, strict=True):
        table["@variables"]["w"][:] = layer.weight.numpy()
        table["@variables"]["b"][:] = layer.bias.numpy()


def _evaluate(model: Any, frame: Frame, positions: Positions, cell: Positions) -> Any:
    order = [atomic_numbers[symbol] for symbol in SPECIES]
    types = [[order.index(z) for z in frame.numbers]]
    return model(positions.reshape(1, -1), np.array(types), box=cell.reshape(1, 9))
