"""Words of PWMLFF and MatPL: settings without a counterpart, and commands."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

_NO_COUNTERPART = "observations are weighted by optimizer.weights, whose units differ"
IGNORED = {  # last part of the key -> why it has no counterpart
    "max_neigh_num": "every neighbour is kept",
    "recover_train": "an interrupted run resumes by itself",
    "reset_epoch": "an interrupted run resumes by itself",
    "start_epoch": "an interrupted run resumes by itself",
    "model_num": "[matrix] seed = [1, 2, 3, 4] trains a committee",
    "data_shuffle": "frames are drawn by the seed",
    "valid_shuffle": "frames are drawn by the seed",
    "workers": "`threads` sets their number",
    "chunk_size": "not needed",
    "reserve_work_dir": "not needed",
    "save_step": "the newest state and the best epoch are kept",
    "max_save_num": "the newest state and the best epoch are kept",
    "print_freq": "every epoch is reported",
    "precision": "training is in double precision",
    "inference": "nepforge test compares with labels",
    "Rmin": "only for Deep Potential",
    "Rmax": "only for Deep Potential; cutoff is used",
    "M2": "only for Deep Potential",
    "physical_property": "the vector of a species is trained",
    "resnet_dt": "not available",
    "p0_weight": "depends on the observation weights, which differ; the starter's value is kept",
    "pre_fac_force": _NO_COUNTERPART,
    "pre_fac_etot": _NO_COUNTERPART,
    "pre_fac_virial": _NO_COUNTERPART,
    "pre_fac_ei": _NO_COUNTERPART,
    "pre_fac_egroup": _NO_COUNTERPART,
    "train_egroup": "train_ei does the same",
    "lambda_1": "write it as optimizer.weight_decay",
    "lambda_2": "write it as optimizer.weight_decay",
    "max_norm": "gradients are not clipped",
    "norm_type": "gradients are not clipped",
    "clip_value": "gradients are not clipped",
    "t_0": "the learning rate falls without restarts",
    "t_mult": "the learning rate falls without restarts",
    "scaling_method": "learning_rate is used as written",
    "scale_lr": "learning_rate is used as written",
    "version": "NEP4 is trained",
    "prediction": "nepforge test compares with labels",
    "type": "given by atom_type",
    "population": "only for the evolution strategy",
    "generation": "only for the evolution strategy",
    "batch": "optimizer.batch_size is the number of frames in one update",
    "lambda_e": _NO_COUNTERPART,
    "lambda_f": _NO_COUNTERPART,
    "lambda_v": _NO_COUNTERPART,
    "test_data": "only for `nepforge test`",
    "test_movement_file": "only for `nepforge test`",
    "model_load_file": "only for `nepforge test`",
    "nep_in_file": "the keys in this file are used",
}
OTHERS = (  # settings that are used for another kind of model or optimizer
    *("cutoff", "n_max", "basis_size", "l_max", "zbl", "neuron", "network_size", "type_embedding"),
    *("kalman_lambda", "kalman_nue", "block_size", "nselect", "groupsize", "feature_type"),
    *("learning_rate", "stop_lr", "stop_step", "decay_step"),
    *(f"{end}_pre_fac_{word}" for end in ("start", "end") for word in ("etot", "force", "virial")),
    *(f"{end}_pre_fac_{word}" for end in ("start", "end") for word in ("ei", "egroup")),
)


def nepforge_command(command: str, arguments: Sequence[str]) -> str:
    """What to type instead of a command of PWMLFF or MatPL; an empty string for another word."""
    return COMMANDS[command](list(arguments)) if command in COMMANDS else ""


def _train(arguments: list[str]) -> str:
    settings = shlex.quote(arguments[0]) if arguments else "nep.json"
    return f"nepforge init --from {settings}, then: nepforge run recipe.toml"


def _convert(arguments: list[str], out: str, layout: str) -> str:
    files = [word for word in arguments if not word.startswith("-")]
    model = shlex.quote(files[0]) if files else "nep_model.ckpt"
    return f"nepforge convert {model} {out} --to {layout}"


def _to_gpumd(arguments: list[str]) -> str:
    """`togpumd -m MODEL -t Hf O -n 32 64`."""
    given: dict[str, list[str]] = {}
    for word in arguments:
        if word.startswith("-"):
            given[word] = []
        elif given:
            given[list(given)[-1]].append(word)
    symbols, counts = given.get("-t", ["Hf", "O"]), given.get("-n", ["N", "M"])
    pairs = ",".join(f"{s}={n}" for s, n in zip(symbols, counts, strict=False))
    model = given.get("-m", ["nep_model.ckpt"])
    return f"{_convert(model, 'nep_to_gpumd.txt', 'nep4')} --counts {pairs}"


COMMANDS: dict[str, Callable[[list[str]], str]] = {
    "train": _train,
    "toneplmps": lambda arguments: _convert(arguments, "nep_to_lmps.txt", "lammps"),
    "totxt": lambda arguments: _convert(arguments, "nep5.txt", "nep5"),
    "togpumd": _to_gpumd,
    "topwmlff": lambda arguments: _convert(arguments, "nep_from_gpumd.ckpt", "ckpt"),
    "to_pwdata": lambda _arguments: "nepforge data split IN... OUT --to pwdata --ratio 0.8",
    "script": lambda _arguments: "nothing: a Deep Potential is trained here only for comparison",
    "compress": lambda _arguments: "nothing: a Deep Potential is trained here only for comparison",
}
