"""kill -9 at chosen writes and at random instants: each pause is one PATCH with its original, and each is undone.

Acceptance test 13: the six points of `test_aimed_kills.py` and four here; `python -m e2e.soak kill` fires a hundred.
"""

import pytest

from e2e.soak.__main__ import summary
from e2e.soak.kill import Campaign, slowed
from e2e.soak.shot import shots
from e2e.tests.faults.conftest import World

pytestmark = pytest.mark.plane

KILLS = 4
SEED = 4


def test_kills_at_any_instant_leave_one_pause_with_its_original_each_and_all_work_runs_again(world: World) -> None:
    world.operator.stop()
    with slowed(world.api) as kubeconfig:
        outcome = Campaign(world.stage, kubeconfig, print).run(shots(KILLS, SEED))
    print(summary(outcome))
    assert len(outcome.kills) == len(outcome.pauses) == KILLS
    assert outcome.inside >= 1, outcome
    assert outcome.unsaid == 0, outcome
