"""Every family of potentials: derivatives of one energy that no symmetry changes."""

from collections.abc import Callable

import pytest

from nepforge.data.frame import Frame
from tests.contracts import POTENTIAL_CLAIMS, Sample
from tests.models.potentials import SAMPLES


@pytest.mark.parametrize("claim", POTENTIAL_CLAIMS, ids=lambda claim: claim.__name__)
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
def test_a_potential_satisfies_the_contract(
    sample: Sample,
    claim: Callable[[Sample, Callable[..., Frame]], None],
    random_frame: Callable[..., Frame],
) -> None:
    """Each claim of check_potential on its own."""
    claim(sample, random_frame)
