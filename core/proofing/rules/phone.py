"""Phones: what the answers of the vendors that were asked in order come to together."""

from collections.abc import Sequence
from dataclasses import dataclass

from proofing.contracts.results import Check, FraudSignal, Outcome, PhoneResult


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneVerdict:
    """What a phone job comes to; no PII.

    Attributes:
        outcome: unknown when the last vendor gave no answer, or none was asked.
        reasons: of the last answer, and the signs of fraud of all of them.
        timed_out: whether the last vendor ran out of time.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    timed_out: bool = False


def asks_next(check: Check[PhoneResult]) -> bool:
    """Return whether another vendor is asked after *check*.

    It may know the person better. It says nothing about signs of fraud that this one saw.
    """
    return not check.passed and not signals_of(check)


def judge_phone(checks: Sequence[Check[PhoneResult]]) -> PhoneVerdict:
    """Judge the *checks* of a phone, in the order in which they were asked; the last one counts."""
    if not checks:
        return PhoneVerdict(outcome=Outcome.UNKNOWN)
    last = checks[-1]
    found = [signal for check in checks for signal in signals_of(check)]
    if last.result is None:
        return PhoneVerdict(outcome=Outcome.UNKNOWN, reasons=tuple(found), timed_out=last.timed_out)
    reasons = dict.fromkeys((*last.result.reasons, *found))
    return PhoneVerdict(outcome=last.result.outcome, reasons=tuple(map(str, reasons)))


def signals_of(check: Check[PhoneResult]) -> tuple[FraudSignal, ...]:
    """Return the signs of fraud that the vendor saw, in their order."""
    seen = check.result.fraud_signals if check.result else frozenset()
    return tuple(signal for signal in FraudSignal if signal in seen)
