"""Who acts: the rules, without any API server."""

import pytest

from ebbtide.core.election import Election, Record, Terms

TERMS = Terms(15, 10.0, 2.0)
MINE = Record("lease", "me", 3, 15, "a", "r1")
THEIRS = Record("lease", "other", 3, 15, "a", "r1")
FREE = Record("lease")


def me() -> Election:
    return Election("me", TERMS)


class TestTaking:
    def test_nothing_is_claimed_before_the_lease_was_read(self) -> None:
        assert not me().may_claim(1e9)

    @pytest.mark.parametrize("record", [FREE, Record("lease", "", 7, 1, "a", "r")], ids=["never held", "let go"])
    def test_a_free_place_is_taken_at_once(self, record: Record) -> None:
        assert me().saw(record, 100.0).may_claim(100.0)

    def test_a_held_place_is_free_when_the_record_did_not_change_for_the_lease_of_its_holder(self) -> None:
        long = Record("lease", "other", 3, 60, "a", "r1")
        seen = me().saw(long, 100.0).saw(long, 130.0)
        assert not seen.may_claim(159.9)
        assert seen.may_claim(160.0)

    def test_each_renewal_counts_from_when_it_was_seen(self) -> None:
        seen = me().saw(THEIRS, 100.0).saw(Record("lease", "other", 3, 15, "a", "r2"), 114.0)
        assert not seen.may_claim(128.9)
        assert seen.may_claim(129.0)

    def test_a_record_without_a_promise_is_believed_for_our_own(self) -> None:
        seen = me().saw(Record("lease", "other"), 0.0)
        assert not seen.may_claim(14.9)
        assert seen.may_claim(15.0)

    def test_a_lease_made_anew_does_not_free_the_place_of_the_old_ones_holder(self) -> None:
        seen = me().saw(THEIRS, 100.0).saw(Record("another lease"), 101.0)
        assert not seen.may_claim(115.9)
        assert seen.may_claim(116.0)

    def test_times_on_the_lease_are_never_compared_with_a_clock(self) -> None:
        ancient = Record("lease", "other", 3, 15, "1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:00.000000Z")
        assert not me().saw(ancient, 100.0).may_claim(100.0)


class TestHolding:
    def test_a_holder_writes_until_the_renew_deadline_after_it_sent(self) -> None:
        leader = me().saw(FREE, 99.0).renewed(MINE, sent_at=100.0)
        assert leader.leads(109.9)
        assert not leader.leads(110.0)

    def test_a_holder_that_was_late_may_stay_if_nobody_came(self) -> None:
        late = me().renewed(MINE, sent_at=100.0).saw(MINE, 300.0)
        assert not late.leads(300.0)
        assert late.may_claim(300.0)

    def test_seeing_somebody_else_there_ends_it_at_once(self) -> None:
        lost = me().renewed(MINE, sent_at=100.0).saw(THEIRS, 101.0)
        assert not lost.leads(101.0)
        assert not lost.may_claim(101.0)

    def test_so_does_a_lease_that_is_gone(self) -> None:
        assert not me().renewed(MINE, sent_at=100.0).lost().leads(100.0)

    def test_a_renewal_whose_answer_was_lost_counts_for_nothing(self) -> None:
        leader = me().renewed(MINE, sent_at=100.0).saw(Record("lease", "me", 3, 15, "a", "r2"), 109.0)
        assert leader.leads(109.9)
        assert not leader.leads(110.0)

    def test_a_name_of_ours_that_we_do_not_know_of_is_claimed_before_it_is_used(self) -> None:
        found = me().saw(MINE, 100.0)
        assert not found.leads(100.0)
        assert found.may_claim(100.0)

    def test_the_count_of_changes_grows_only_with_a_change(self) -> None:
        assert me().saw(THEIRS, 0.0).transitions == 4
        assert me().saw(MINE, 0.0).transitions == 3

    def test_a_write_may_last_until_shortly_before_another_can_begin(self) -> None:
        leader = me().renewed(MINE, sent_at=100.0)
        assert leader.write_seconds(100.0) == 14.0
        assert leader.write_seconds(109.9) == pytest.approx(4.1)
        assert leader.write_seconds(200.0) == 0.0
        assert me().write_seconds(0.0) == 0.0


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        (Terms(), ""),
        (Terms(3, 2.0, 0.5), ""),
        (Terms(15, 15.0, 2.0), "the renew deadline of 15 s must be shorter than the lease duration of 15 s"),
        (Terms(15, 10.0, 9.0), "the retry period of 9 s is too long: it must fit 1.2 times into the renew deadline"),
    ],
)
def test_terms_that_cannot_work_are_explained(terms: Terms, problem: str) -> None:
    assert terms.problem.startswith(problem)
    assert bool(terms.problem) == bool(problem)
