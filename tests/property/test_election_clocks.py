"""Who acts, however the clocks of two replicas differ."""

from hypothesis import given
from hypothesis import strategies as st

from ebbtide.core.election import Election, Record, Terms

TERMS = Terms(15, 10.0, 2.0)
MINE = Record("lease", "me", 3, 15, "a", "r1")


@given(
    sent=st.floats(0, 1000),
    travel=st.floats(0, 30),
    unnoticed=st.floats(0, 30),
    asked=st.floats(0, 200),
    offset=st.floats(-1e6, 1e6),
)
def test_the_last_write_ends_before_the_next_leader_begins(
    sent: float, travel: float, unnoticed: float, asked: float, offset: float
) -> None:
    """`travel`: from sending a renewal to its storing; `unnoticed`: until the other saw it, by a clock of its own."""
    holder = Election("me", TERMS).renewed(MINE, sent_at=sent)
    other = Election("other", TERMS).saw(MINE, sent + travel + unnoticed + offset)
    at = sent + asked
    if holder.leads(at):
        end = at + holder.write_seconds(at)
        assert not other.may_claim(end + offset)
