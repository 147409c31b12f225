"""The rules after an attempt."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofing.contracts.verification_store import Delivery, DeliveryState, EndpointState, StoredEvent
from proofing.contracts.verifications import EventType, Mode
from proofing.verifications.endpoints import (
    ATTEMPT_DELAYS,
    BREAKER_FAILURES,
    DISABLE_AFTER_SECONDS,
    JITTER,
    MAX_ATTEMPTS,
    MAX_PAUSE_SECONDS,
    MAX_RETRY_AFTER_SECONDS,
    Answer,
    Failure,
    answer_of,
    condition,
    delivery_after,
    endpoint_after,
)

NOW = 1_800_000_000.0
HOUR = 3600.0
EVENT = StoredEvent(
    id="evt_1",
    relying_party="agency",
    mode=Mode.LIVE,
    verification_id="ver_1",
    type=EventType.VERIFIED,
    created_at=NOW,
    cursor=1,
    body=b"{}",
)
FAILED = Answer(status=500, failure=Failure.HTTP_STATUS)
ENDPOINT = EndpointState(relying_party="agency", mode=Mode.LIVE, endpoint="main")


def delivery(attempts: int) -> Delivery:
    """Return a delivery whose latest attempt is under test."""
    return Delivery(event=EVENT, endpoint="main", attempts=attempts, next_at=NOW)


def failing(times: int, *, since: float = NOW) -> EndpointState:
    """Return an endpoint that has failed so many times."""
    return replace(ENDPOINT, failures=times, failing_since=since)


def test_the_schedule_is_that_of_the_reference():
    """0, 5 s, 5 min, 30 min, then hours: over three days."""
    assert ATTEMPT_DELAYS == (0, 5, 300, 1800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
    assert 72 * HOUR < sum(ATTEMPT_DELAYS) < 80 * HOUR


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_a_success(status):
    """Whatever the body."""
    after = delivery_after(delivery(3), answer_of(status, None, now=NOW), now=NOW + 1)
    assert (after.state, after.status, after.failure) == (DeliveryState.DELIVERED, status, None)
    assert after.next_at == NOW + 1


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        *((status, "redirect") for status in (301, 302, 304, 307)),
        *((status, "http_status") for status in (101, 400, 401, 404, 500)),
        (410, "gone"),
    ],
)
def test_everything_else_is_a_failure(status, failure):
    """A redirect, too: following it would lead past the target guard."""
    answer = answer_of(status, None, now=NOW)
    assert (answer.status, answer.failure) == (status, failure)
    assert delivery_after(delivery(1), answer, now=NOW).state is DeliveryState.DUE


@pytest.mark.parametrize("attempts", range(1, MAX_ATTEMPTS))
def test_the_next_attempt_has_its_delay_with_jitter(attempts):
    """Deliveries that failed together spread."""
    delays = {delivery_after(delivery(attempts), FAILED, now=NOW).next_at - NOW for _ in range(50)}
    wanted = ATTEMPT_DELAYS[attempts]
    assert all(wanted * (1 - JITTER) <= delay <= wanted * (1 + JITTER) for delay in delays)
    assert len(delays) > 10


@pytest.mark.parametrize("attempts", [MAX_ATTEMPTS, MAX_ATTEMPTS + 1])
def test_after_the_last_attempt_it_is_a_dead_letter(attempts):
    """With the reason of the last failure."""
    after = delivery_after(delivery(attempts), FAILED, now=NOW)
    assert (after.state, after.failure, after.status) == (DeliveryState.DEAD, "http_status", 500)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("999999999", MAX_RETRY_AFTER_SECONDS),
        ("Fri, 15 Jan 2027 08:01:30 GMT", 90),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("Fri, 15 Jan 2100 08:00:00 GMT", MAX_RETRY_AFTER_SECONDS),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("9" * 400, MAX_RETRY_AFTER_SECONDS),
        ("\u0661\u0662", None),
        ("Fri, 99 Jan 2027 08:01:30 GMT", None),
    ],
)
def test_retry_after(header, seconds):
    """Seconds or a date; capped; nonsense is nothing."""
    assert answer_of(503, header, now=NOW).retry_after == seconds


def test_retry_after_is_honored_by_delivery_and_endpoint():
    """It never shortens the schedule."""
    answer = answer_of(503, "600", now=NOW)
    assert delivery_after(delivery(1), answer, now=NOW).next_at == NOW + 600
    assert delivery_after(delivery(4), answer, now=NOW).next_at > NOW + HOUR
    assert endpoint_after(ENDPOINT, answer, now=NOW).paused_until == NOW + 600


@pytest.mark.parametrize("status", [429, 502, 504])
def test_statuses_that_slow_down(status):
    """A single one pauses the endpoint, so that its other events do not hit it either."""
    answer = answer_of(status, None, now=NOW)
    assert endpoint_after(ENDPOINT, answer, now=NOW).paused_until == NOW + 30


def test_the_breaker_pauses_longer_and_longer():
    """From the fifth failure in a row on, up to five minutes."""
    state = ENDPOINT
    pauses = []
    for _ in range(1100):
        state = endpoint_after(replace(state, paused_until=None), FAILED, now=NOW)
        pauses.append(state.paused_until and state.paused_until - NOW)
    assert pauses[:10] == [None] * (BREAKER_FAILURES - 1) + [30, 60, 120, 240, 300, 300]
    assert pauses[-1] == MAX_PAUSE_SECONDS


def test_a_success_closes_the_breaker():
    """Everything is forgotten but what disabled it."""
    state = replace(failing(7), paused_until=NOW + 100, disabled_reason="gone")
    assert endpoint_after(state, Answer(status=204), now=NOW) == replace(ENDPOINT, disabled_reason="gone")
    assert endpoint_after(ENDPOINT, Answer(status=204), now=NOW) == ENDPOINT


def test_410_disables():
    """The delivery stays due, for the day on which the endpoint is enabled."""
    answer = answer_of(410, None, now=NOW)
    assert endpoint_after(ENDPOINT, answer, now=NOW).disabled_reason == "gone"
    assert delivery_after(delivery(1), answer, now=NOW).state is DeliveryState.DUE


def test_three_days_of_failures_disable():
    """Counted from the first failure after the last success."""
    state = failing(40, since=NOW - DISABLE_AFTER_SECONDS)
    assert endpoint_after(state, FAILED, now=NOW - 1).disabled_reason is None
    assert endpoint_after(state, FAILED, now=NOW).disabled_reason == "failing"


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (ENDPOINT, "works"),
        (failing(1), "failing"),
        (replace(failing(5), paused_until=NOW + 1), "paused"),
        (replace(failing(5), paused_until=NOW), "failing"),
        (replace(failing(5), paused_until=NOW + 1, disabled_reason="gone"), "disabled"),
    ],
)
def test_how_an_endpoint_does(state, shown):
    """One word for operators and metrics."""
    assert condition(state, now=NOW) == shown


@given(st.integers(0, 40), st.sampled_from(list(Failure)), st.none() | st.floats(0, MAX_RETRY_AFTER_SECONDS))
def test_a_failed_delivery_is_due_later_or_dead(attempts, failure, wish):
    """Never due in the past, never beyond the longest delay."""
    answer = Answer(failure=failure, retry_after=wish)
    after = delivery_after(delivery(attempts), answer, now=NOW)
    assert after.failure == failure
    if attempts >= MAX_ATTEMPTS:
        assert after.state is DeliveryState.DEAD
    else:
        assert NOW + 4 <= after.next_at <= NOW + 24 * HOUR * (1 + JITTER)
