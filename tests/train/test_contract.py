"""Every optimizer satisfies the contract of steppers."""

from collections.abc import Callable

import pytest

from nepforge.train.steppers import STEPPERS
from tests.contracts import STEPPER_CLAIMS, MakeFrame, Task
from tests.train.tasks import TABLES, small_task


@pytest.mark.parametrize("claim", STEPPER_CLAIMS, ids=lambda claim: claim.__name__)
@pytest.mark.parametrize("kind", STEPPERS, ids=lambda kind: kind.__name__)
def test_an_optimizer_satisfies_the_contract(
    kind: type, claim: Callable[[Task], None], random_frame: MakeFrame
) -> None:
    """Each claim of check_stepper on its own."""
    claim(small_task(random_frame, TABLES[kind]))
