"""What the answers about a phone come to: which vendor is asked next, and what signs of fraud do."""

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.contracts.results import Check, CheckState, FraudSignal, Outcome, PhoneResult
from proofing.rules.phone import PhoneVerdict, asks_next, judge_phone

PASSED, FAILED, REVIEW, UNKNOWN = Outcome.PASSED, Outcome.FAILED, Outcome.REVIEW, Outcome.UNKNOWN


def answer(outcome, *signals, reasons=()):
    """Return the check of a phone vendor."""
    result = PhoneResult(
        vendor_name="carrier", outcome=outcome, reasons=reasons, fraud_signals=frozenset(signals)
    )
    return Check(result=result)


SILENT = Check(error=VendorError(Cause.UNREACHABLE, "x"))
SLOW = Check(error=VendorError(Cause.TIMEOUT, "x"))


@pytest.mark.parametrize(
    ("check", "asks"),
    [
        (answer(PASSED), False),
        (answer(FAILED), True),
        (answer(REVIEW), True),
        (answer(UNKNOWN), True),
        (SILENT, True),
        (answer(PASSED, FraudSignal.SIM_SWAPPED), False),
        *((answer(FAILED, signal), False) for signal in FraudSignal),
        *((answer(REVIEW, signal), False) for signal in FraudSignal),
    ],
)
def test_who_is_asked_next(check, asks):
    """Another vendor may know the name better; it outweighs no sign of fraud."""
    assert asks_next(check) is asks


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ([], PhoneVerdict(outcome=UNKNOWN)),
        ([answer(PASSED)], PhoneVerdict(outcome=PASSED)),
        (
            [answer(FAILED, reasons=("phone_mismatch",))],
            PhoneVerdict(outcome=FAILED, reasons=("phone_mismatch",)),
        ),
        ([answer(FAILED, reasons=("phone_mismatch",)), answer(PASSED)], PhoneVerdict(outcome=PASSED)),
        ([SILENT, answer(PASSED)], PhoneVerdict(outcome=PASSED)),
        ([answer(FAILED), SILENT], PhoneVerdict(outcome=UNKNOWN)),
        ([answer(FAILED), SLOW], PhoneVerdict(outcome=UNKNOWN, timed_out=True)),
        ([answer(REVIEW), answer(FAILED)], PhoneVerdict(outcome=FAILED)),
        (
            [answer(PASSED, FraudSignal.SIM_SWAPPED, reasons=("sim_swapped",))],
            PhoneVerdict(outcome=PASSED, reasons=("sim_swapped",)),
        ),
        (
            [answer(REVIEW, FraudSignal.NUMBER_REASSIGNED, FraudSignal.SIM_SWAPPED)],
            PhoneVerdict(outcome=REVIEW, reasons=("sim_swapped", "number_reassigned")),
        ),
        (
            [answer(FAILED, FraudSignal.HIGH_RISK, reasons=("name_mismatch",))],
            PhoneVerdict(outcome=FAILED, reasons=("name_mismatch", "phone_risk")),
        ),
    ],
)
def test_what_answers_come_to(checks, verdict):
    """The last one counts, and signs of fraud stay on record, also those of a yes."""
    assert judge_phone(checks) == verdict


@pytest.mark.parametrize("signals", ["sim_swapped", {"sim_swapped"}, frozenset({"sim_swapped"})])
def test_signs_of_fraud_are_words_of_ours(signals):
    """A text would pass for a set of its letters."""
    with pytest.raises(TypeError):
        PhoneResult(vendor_name="carrier", outcome=PASSED, fraud_signals=signals)


@pytest.mark.parametrize(
    ("check", "state"),
    [
        (answer(PASSED), CheckState.PASSED),
        (answer(FAILED), CheckState.FAILED),
        (answer(REVIEW), CheckState.REVIEW),
        (answer(UNKNOWN), CheckState.UNKNOWN),
        (SILENT, CheckState.UNKNOWN),
        (Check(skipped="UnsupportedJurisdiction"), CheckState.NOT_CHECKED),
        (Check(skipped="off", skipped_passes=False), CheckState.NOT_CHECKED),
        (Check(), CheckState.NOT_CHECKED),
    ],
)
def test_what_a_check_is_recorded_as(check, state):
    """What was skipped was not checked, also where it counts as a yes."""
    assert check.state is state
