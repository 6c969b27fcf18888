"""What becomes of a rendered Deployment's command line."""

import pytest

from e2e.operator_process import override

GIVEN = ["operator", "--listen=0.0.0.0:8080", "--no-enforcement", "--tick-seconds=30"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, GIVEN),
        ({"--tick-seconds": "1"}, ["operator", "--listen=0.0.0.0:8080", "--no-enforcement", "--tick-seconds=1"]),
        (
            {"--no-enforcement": None, "--enforcement": ""},
            ["operator", "--listen=0.0.0.0:8080", "--tick-seconds=30", "--enforcement"],
        ),
        ({"--new": "x"}, [*GIVEN, "--new=x"]),
        ({"--tick": None}, GIVEN),
    ],
)
def test_flags_are_replaced_removed_and_added(values, expected):
    assert override(GIVEN, values) == expected
