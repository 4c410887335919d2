"""The CPU core under AddressSanitizer: models of few and many species; lists long and empty."""

from __future__ import annotations

import platform
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lammps_pair.test_gpu_style import build
from tests.potential_table import POTENTIALS, SHORT_ANGULAR_CUTOFF

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

CORE = Path(__file__).parents[2] / "lammps_pair" / "core"
AVX2 = ("-mavx2", "-mfma")
X86_KERNELS = {
    "avx2": AVX2,
    "avx512": (*AVX2, "-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw"),
}
ON_X86 = platform.machine() in ("x86_64", "AMD64")
KERNELS = {"baseline": (), **(X86_KERNELS if ON_X86 else {})}
OTHERS = ("nep_model", "elements", "nep_cpu", "nep_threads", "neighbor_slots", "sorted_neighbors")
ADDRESS = (
    *("-std=c++17", "-g", "-fopenmp", "-D_GLIBCXX_ASSERTIONS", "-DNEPFORGE_CHECKED"),
    "-fsanitize=address",
)
UNDEFINED = ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")
TIME_LIMIT = 1200.0  # s, of one compilation beside others


def compile_kernel(folder: Path, name: str, real: str) -> Path:
    """nep_kernel.cpp as CMake compiles it, without optimisation: it takes a minute with UBSan."""
    to = folder / f"{name}_{real}.o"
    definitions = (
        f"-DNEPFORGE_KERNEL={name}_{real}", f'-DNEPFORGE_INSTRUCTION_SET="{name}"',
        f"-DNEPFORGE_REAL={real}", "-fno-math-errno", "-Wno-psabi",
    )  # fmt: skip
    return compiled(to, CORE / "nep_kernel.cpp", *definitions, *KERNELS[name], "-O0")


def compiled(to: Path, source: Path, *options: str) -> Path:
    x86 = ("-DNEPFORGE_X86",) if ON_X86 else ()
    command = ("c++", *ADDRESS, *x86, f"-I{CORE}", *options, "-c", source, "-o", to)
    subprocess.run(command, check=True, timeout=TIME_LIMIT)
    return to


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """core_driver.cpp and all of the core, two compilers at a time."""
    folder = tmp_path_factory.mktemp("core")
    sources = [
        Path(__file__).parent / "core_driver.cpp",
        *(CORE / f"{name}.cpp" for name in OTHERS),
    ]
    with ThreadPoolExecutor(2) as pool:
        kernels = [
            pool.submit(compile_kernel, folder, name, real)
            for name in KERNELS
            for real in ("double", "float")
        ]
        rest = [
            pool.submit(compiled, folder / f"{source.stem}.o", source, *UNDEFINED)
            for source in sources
        ]
        objects = [one.result() for one in (*kernels, *rest)]
    program = folder / "core_driver"
    command = ("c++", *ADDRESS, *UNDEFINED, *objects, "-o", program)
    subprocess.run(command, check=True, timeout=TIME_LIMIT)
    return program


FILES = {
    name: file
    for idx, (name, file) in enumerate({**POTENTIALS, **SHORT_ANGULAR_CUTOFF}.items())
    if len(file.species) in (2, 5, 8) or idx % 9 == 0
}


@pytest.mark.parametrize("name", FILES)
def test_the_core_stays_inside_its_arrays(name: str, driver: Path, tmp_path: Path) -> None:
    """Each instruction set and precision; what was evaluated before changes no bit."""
    path = FILES[name].write(tmp_path / "nep.txt")
    done = subprocess.run(
        [driver, path], capture_output=True, text=True, timeout=TIME_LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" runs\n")


@pytest.fixture(scope="module")
def device_driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """device_driver.cpp: the kernels of the GPU on the CPU, every array a heap block."""
    options = ("-D_GLIBCXX_ASSERTIONS", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    return build(tmp_path_factory.mktemp("kernels"), "device_driver", *options)


@pytest.mark.parametrize("name", FILES)
def test_device_kernels_stay_inside_their_arrays(
    name: str, device_driver: Path, tmp_path: Path
) -> None:
    """No atom, one, and many; the order of the lanes is free."""
    path = FILES[name].write(tmp_path / "nep.txt")
    done = subprocess.run(
        [device_driver, path], capture_output=True, text=True, timeout=TIME_LIMIT, check=False
    )
    assert done.stdout == "8 cases\n", done.stdout + done.stderr
