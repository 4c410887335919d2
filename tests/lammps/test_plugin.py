"""Finding LAMMPS."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepforge.errors import StageError
from nepforge.lammps.plugin import find_deepmd_lammps


def test_deepmd_kit_is_found_by_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its LAMMPS lies beside `dp`; what is missing is named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LAMMPS_PLUGIN_PATH", "theirs")
    with pytest.raises(StageError, match="found no dp on the PATH"):
        find_deepmd_lammps()
    for name in ("dp", "lmp"):
        if name == "lmp":
            with pytest.raises(StageError, match="found no lmp beside"):
                find_deepmd_lammps()
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    lammps = find_deepmd_lammps()
    assert lammps.command(1) == [str(tmp_path / "lmp")]
    assert lammps.environment()["LAMMPS_PLUGIN_PATH"] == "theirs"
