"""What addresses may ask for, on a clock of the test's own."""

import pytest

from exchange.api.limits.by_address import (
    BANS_MS,
    DAY_MS,
    FIVE_MINUTES_MS,
    MINUTE_MS,
    PATIENCE,
    ByAddress,
    Told,
    place_of,
)
from exchange.api.limits.limiter import LimitReached

NOW = 1_000_000 * FIVE_MINUTES_MS
"""The beginning of a window of each kind."""
A, B = "9.9.9.9", "8.8.8.8"


def limits(weight: int = 100, raw: int = 1000, connections: int = 10, **bounds: int) -> ByAddress:
    return ByAddress(weight, raw, connections, lambda: None, **bounds)


def refused(limits: ByAddress, now_ms: int, weight: int = 1, address: str = A) -> tuple[str, int, bool] | None:
    try:
        limits.request(address, weight, now_ms)
    except LimitReached as reached:
        return reached.limit.kind, reached.retry_after, reached.banned
    return None


class Shared:
    """The counters' server, as a dictionary."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}

    def add(self, told: Told) -> list[int]:
        found = []
        for count in told.counts:
            assert count.ttl_ms > 0
            self.totals[count.name] = count.amount if count.afresh else self.totals.get(count.name, 0) + count.amount
            found.append(self.totals[count.name])
        return found

    def meet(self, limits: ByAddress, now_ms: int) -> None:
        told = limits.untold(now_ms)
        limits.told(told, self.add(told))


def test_weight_is_used_up_to_the_last_unit_and_anew_in_the_next_window() -> None:
    one = limits()
    assert refused(one, NOW + 100, 60) is None
    assert refused(one, NOW + 200, 40) is None
    assert refused(one, NOW + 1_500) == ("REQUEST_WEIGHT", 59, False)
    assert one.weighed(A, NOW + 1_500)[0][1] == 100
    assert refused(one, NOW + 1_500, address=B) is None
    assert refused(one, NOW + MINUTE_MS - 1) == ("REQUEST_WEIGHT", 1, False)
    assert one.weighed(A, NOW + MINUTE_MS)[0][1] == 0
    assert refused(one, NOW + MINUTE_MS, 100) is None
    assert one.weighed(A, NOW + MINUTE_MS)[0][1] == 100


def test_what_would_go_beyond_is_refused_and_not_counted() -> None:
    one = limits()
    assert refused(one, NOW, 99) is None
    assert refused(one, NOW, 2) is not None
    assert refused(one, NOW, 1) is None


@pytest.mark.parametrize("after_ms,seconds", [(0, 60), (1, 60), (999, 60), (1000, 59), (59_000, 1), (59_999, 1)])
def test_retry_after_ends_in_the_next_window_and_not_later_than_need_be(after_ms: int, seconds: int) -> None:
    one = limits()
    one.request(A, 100, NOW)
    assert refused(one, NOW + after_ms) == ("REQUEST_WEIGHT", seconds, False)
    assert refused(one, NOW + after_ms + 1000 * seconds) is None


def test_raw_requests_count_in_five_minutes_whatever_they_weigh() -> None:
    one = limits(weight=0, raw=3)
    for minute in range(3):
        assert refused(one, NOW + minute * MINUTE_MS, 50) is None
    assert refused(one, NOW + 3 * MINUTE_MS, 1) == ("RAW_REQUESTS", 120, False)
    assert refused(one, NOW + FIVE_MINUTES_MS) is None
    assert one.weighed(A, NOW) == []


def test_connections_count_beside_requests() -> None:
    one = limits(connections=2)
    one.connection(A, NOW)
    one.connection(A, NOW + 1)
    with pytest.raises(LimitReached) as reached:
        one.connection(A, NOW + 2)
    assert (reached.value.limit.kind, reached.value.retry_after) == ("CONNECTIONS", 300)
    assert refused(one, NOW + 2) is None
    one.connection(A, NOW + FIVE_MINUTES_MS)


def test_limits_that_are_off_count_nothing_and_tell_nothing() -> None:
    one = limits(0, 0, 0)
    for _ in range(1000):
        one.request(A, 1000, NOW)
        one.connection(A, NOW)
    assert (one.limits, len(one), one.silent) == ([], 0, True)
    assert [limit.kind for limit in limits(raw=0).limits] == ["REQUEST_WEIGHT", "CONNECTIONS"]


def go_on(one: ByAddress, now_ms: int) -> tuple[str, int, bool] | None:
    """Ask until shut out; gives how."""
    for _ in range(100 + PATIENCE + 1):
        last = refused(one, now_ms)
        if last is not None and last[2]:
            return last
    return None


def test_who_goes_on_after_being_told_is_shut_out_longer_each_time_up_to_three_days() -> None:
    one, now = limits(), NOW
    for ban_ms in (*BANS_MS, BANS_MS[-1]):
        assert go_on(one, now) == ("REQUEST_WEIGHT", ban_ms // 1000, True)
        assert refused(one, now + ban_ms - 1) == ("REQUEST_WEIGHT", 1, True)
        with pytest.raises(LimitReached):
            one.connection(A, now + ban_ms - 1)
        now += ban_ms
        assert refused(one, now) is None, "a ban ends, and the windows are new"
        now += FIVE_MINUTES_MS
    assert (BANS_MS[0], BANS_MS[-1]) == (2 * MINUTE_MS, 3 * DAY_MS)


def test_who_keeps_quiet_for_three_days_begins_with_two_minutes_again() -> None:
    one = limits()
    assert go_on(one, NOW) is not None
    assert go_on(one, NOW + DAY_MS) == ("REQUEST_WEIGHT", BANS_MS[1] // 1000, True)
    assert go_on(one, NOW + 6 * DAY_MS) == ("REQUEST_WEIGHT", BANS_MS[0] // 1000, True)


def test_a_few_refusals_are_no_reason_to_shut_anybody_out() -> None:
    one = limits()
    one.request(A, 100, NOW)
    for minute in range(5):
        for _ in range(PATIENCE):
            last = refused(one, NOW + minute * MINUTE_MS, 101)
            assert last is not None
            assert not last[2]


def test_two_gateways_together_let_pass_what_one_would_once_they_have_met() -> None:
    shared, one, other = Shared(), limits(), limits()
    one.request(A, 60, NOW)
    other.request(A, 30, NOW)
    shared.meet(one, NOW)
    shared.meet(other, NOW)
    assert other.weighed(A, NOW)[0][1] == 90
    other.request(A, 10, NOW)
    assert refused(other, NOW) is not None
    shared.meet(other, NOW)
    assert one.weighed(A, NOW)[0][1] == 60, "it has asked for nothing since"
    one.request(A, 1, NOW)
    shared.meet(one, NOW)
    assert refused(one, NOW) == ("REQUEST_WEIGHT", 60, False)


def test_what_is_counted_while_the_others_are_being_told_is_not_lost() -> None:
    shared, one, other = Shared(), limits(), limits()
    one.request(A, 10, NOW)
    told = one.untold(NOW)
    one.request(A, 5, NOW)
    one.told(told, shared.add(told))
    assert one.weighed(A, NOW)[0][1] == 15
    shared.meet(one, NOW)
    other.request(A, 1, NOW)
    shared.meet(other, NOW)
    assert other.weighed(A, NOW)[0][1] == 16


def test_an_answer_that_comes_after_its_window_changes_nothing() -> None:
    shared, one = Shared(), limits()
    one.request(A, 10, NOW)
    told = one.untold(NOW)
    one.request(A, 1, NOW + MINUTE_MS)
    one.told(told, shared.add(told))
    assert one.weighed(A, NOW + MINUTE_MS)[0][1] == 1
    one.request(A, 10, NOW + MINUTE_MS)
    late = one.untold(NOW + MINUTE_MS)
    one.request(A, 1, NOW + 2 * MINUTE_MS)
    one.kept(late)
    assert one.weighed(A, NOW + 2 * MINUTE_MS)[0][1] == 1


def test_while_the_others_cannot_be_told_a_gateway_counts_alone_and_tells_it_later() -> None:
    shared, one, other = Shared(), limits(), limits()
    one.request(A, 60, NOW)
    one.kept(one.untold(NOW))
    one.request(A, 40, NOW)
    assert refused(one, NOW) is not None
    one.kept(one.untold(NOW))
    shared.meet(one, NOW)
    other.request(A, 1, NOW)
    shared.meet(other, NOW)
    assert other.weighed(A, NOW)[0][1] == 101
    assert one.silent


def test_a_ban_holds_at_every_gateway_and_after_a_restart() -> None:
    shared, one = Shared(), limits()
    assert go_on(one, NOW) is not None
    one.kept(one.untold(NOW))
    shared.meet(one, NOW)
    restarted = limits()
    assert refused(restarted, NOW) is None, "it has heard nothing yet"
    shared.meet(restarted, NOW)
    assert refused(restarted, NOW) == ("REQUEST_WEIGHT", BANS_MS[0] // 1000, True)
    assert go_on(restarted, NOW + DAY_MS) == ("REQUEST_WEIGHT", BANS_MS[1] // 1000, True)


def test_however_many_addresses_come_only_so_many_are_remembered_and_told() -> None:
    shared, one = Shared(), limits(most=1000, most_told=300)
    for number in range(20_000):
        one.request(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1, NOW)
        if number % 100 == 0:
            shared.meet(one, NOW)
    assert len(one) == 1000
    for _ in range(10):
        shared.meet(one, NOW)
    assert one.silent
    assert len({name.rpartition(":")[2] for name in shared.totals}) == 300
    one.request(A, 1, NOW + MINUTE_MS)
    shared.meet(one, NOW + MINUTE_MS)
    assert f"w:{(NOW + 2 * MINUTE_MS) // MINUTE_MS}:{A}" in shared.totals, "the next minute tells again"


def test_who_comes_often_is_not_forgotten_for_those_who_came_once() -> None:
    one = limits(weight=1000, most=10)
    for window in range(3):
        now = NOW + window * FIVE_MINUTES_MS
        one.request(A, 7, now)
        for number in range(9):
            one.request(f"10.0.{window}.{number}", 1, now)
        assert one.weighed(A, now)[0][1] == 7


def test_one_customers_addresses_of_ipv6_are_one() -> None:
    assert place_of("2001:db8:1:2:3:4:5:6") == place_of("2001:0db8:1:2::") == "20010db800010002::/64"
    assert place_of("2001:db8:1:3::1") != place_of("2001:db8:1:2::1")
    assert place_of("fe80::1%eth0") == "fe80000000000000::/64"
    assert place_of("1.2.3.4") == "1.2.3.4"
    assert place_of("a:b") == "a:b"
    one = limits()
    one.request("2001:db8::1", 100, NOW)
    assert refused(one, NOW, address="2001:db8::ffff:2") is not None
    assert one.weighed("2001:db8::3", NOW)[0][1] == 100
    assert refused(one, NOW, address="2001:db8:0:1::1") is None
