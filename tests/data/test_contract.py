"""Every data format satisfies the contract of readers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nepforge.data.formats.table import FORMATS
from tests.contracts import READER_CLAIMS, DataSample
from tests.data.samples import data_sample


@pytest.mark.parametrize("claim", READER_CLAIMS, ids=lambda claim: claim.__name__)
@pytest.mark.parametrize("name", [row.name for row in FORMATS])
def test_a_data_format_satisfies_the_contract(
    name: str, claim: Callable[[DataSample, Path], None], tmp_path: Path
) -> None:
    """Each claim of check_reader on its own."""
    for folder in ("sample", "scratch"):
        (tmp_path / folder).mkdir()
    claim(data_sample(name, tmp_path / "sample"), tmp_path / "scratch")
