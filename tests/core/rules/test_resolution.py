"""What the answers of a resolution job come to: every row of both tables, and the record."""

import json
from dataclasses import asdict, replace

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.contracts.applicant import Applicant
from proofing.contracts.records import EndState
from proofing.contracts.results import (
    Check,
    DeviceResult,
    FraudSignal,
    Match,
    Outcome,
    PhoneResult,
    ResolutionResult,
    ReviewStatus,
    StateIDResult,
)
from proofing.rules.planning import plan_device
from proofing.rules.resolution import (
    ResolutionChecks,
    adjudicate,
    judge_device,
)

ONE = Applicant(first_name="MARIGOLD", ssn="900551234", state_id_jurisdiction="ND")
SAME = replace(ONE, same_address_as_id=True)
DISTINCT = replace(ONE, same_address_as_id=False)


def resolution(outcome=Outcome.PASSED, missing=(), can_pass=True, **facts):
    """Return the check of a resolution vendor."""
    return Check(
        result=ResolutionResult(
            vendor_name="resolver",
            outcome=outcome,
            can_pass_with_additional_verification=can_pass,
            attributes_requiring_additional_verification=frozenset(missing),
            **facts,
        )
    )


def state_id(outcome=Outcome.PASSED, verified=(), **facts):
    """Return the check of a licensing agency."""
    return Check(
        result=StateIDResult(
            vendor_name="office", outcome=outcome, verified_attributes=frozenset(verified), **facts
        )
    )


def device(status=ReviewStatus.PASS, outcome=Outcome.PASSED):
    """Return the check of a device profiler."""
    return Check(result=DeviceResult(vendor_name="profiler", outcome=outcome, review_status=status))


NOT_WANTED = Check(skipped="AamvaCheckSkipped")
NO_OFFICE = Check(skipped="UnsupportedJurisdiction")
NO_HOME = Check(skipped="ResidentialAddressNotRequired")
NO_PHONE = Check(skipped="PhonePrecheckNotSelected", skipped_passes=False)
CANNOT = Check(skipped="ResolutionCannotPass", skipped_passes=False)
PASSED, FAILED, REVIEW = Outcome.PASSED, Outcome.FAILED, Outcome.REVIEW


def checks(**replaced):
    """Return the checks of a passing applicant with some replaced."""
    usual = {
        "device": device(),
        "residential_address": NO_HOME,
        "resolution": resolution(),
        "state_id": state_id(),
        "phone_precheck": NO_PHONE,
    }
    return ResolutionChecks(**{**usual, **replaced})


#: Every vendor was asked.
EVERYTHING = checks(
    residential_address=resolution(),
    phone_precheck=Check(result=PhoneResult(vendor_name="carrier", outcome=PASSED)),
)

ROWS = [
    # Two addresses, and the home's failed: whatever the rest says.
    (DISTINCT, {"residential_address": resolution(FAILED)}, FAILED, "fail_resolution_skip_state_id"),
    (
        DISTINCT,
        {
            "residential_address": resolution(FAILED, {"address"}),
            "resolution": CANNOT,
            "state_id": NOT_WANTED,
        },
        FAILED,
        "fail_resolution_skip_state_id",
    ),
    # Both say yes.
    (ONE, {}, PASSED, "pass_resolution_and_state_id"),
    (ONE, {"state_id": NO_OFFICE}, PASSED, "pass_resolution_and_state_id"),
    (
        ONE,
        {"state_id": Check(skipped="StateIDExceptionBypassed-0047")},
        PASSED,
        "pass_resolution_and_state_id",
    ),
    (DISTINCT, {"residential_address": resolution()}, PASSED, "pass_resolution_and_state_id"),
    (SAME, {"residential_address": resolution()}, PASSED, "pass_resolution_and_state_id"),
    # Nobody was asked.
    (
        ONE,
        {"resolution": Check(skipped="resolution is switched off")},
        FAILED,
        "fail_resolution_without_state_id_coverage",
    ),
    # The office says no.
    (ONE, {"state_id": state_id(FAILED)}, FAILED, "fail_state_id"),
    (
        ONE,
        {"state_id": Check(error=VendorError(Cause.SOURCE_TIMEOUT, "x", codes=("0047",)))},
        FAILED,
        "fail_state_id",
    ),
    (
        ONE,
        {"resolution": resolution(FAILED, {"address"}), "state_id": state_id(FAILED, {"address"})},
        FAILED,
        "fail_state_id",
    ),
    # No office was asked.
    (
        ONE,
        {"resolution": resolution(FAILED), "state_id": NOT_WANTED},
        FAILED,
        "fail_resolution_skip_state_id",
    ),
    (
        ONE,
        {"resolution": resolution(FAILED, {"address"}), "state_id": NO_OFFICE},
        FAILED,
        "fail_resolution_skip_state_id",
    ),
    # The office verifies what the vendor missed.
    (
        ONE,
        {"resolution": resolution(FAILED, {"address"}), "state_id": state_id(verified={"address", "dob"})},
        PASSED,
        "state_id_covers_failed_resolution",
    ),
    (
        ONE,
        {
            "resolution": resolution(FAILED, {"address", "dob", "state_id_number"}),
            "state_id": Check(skipped="VerifiedWithDocument"),
            "verified_with_document": frozenset({"address", "dob", "state_id_number", "first_name"}),
        },
        PASSED,
        "state_id_covers_failed_resolution",
    ),
    # It does not.
    (
        ONE,
        {"resolution": resolution(FAILED, {"address", "dob"}), "state_id": state_id(verified={"address"})},
        FAILED,
        "fail_resolution_without_state_id_coverage",
    ),
    (
        ONE,
        {
            "resolution": resolution(FAILED, {"address"}, can_pass=False),
            "state_id": state_id(verified={"address"}),
        },
        FAILED,
        "fail_resolution_without_state_id_coverage",
    ),
    (
        ONE,
        {"resolution": resolution(FAILED), "state_id": state_id(verified={"address"})},
        FAILED,
        "fail_resolution_without_state_id_coverage",
    ),
    (
        ONE,
        {"resolution": resolution(FAILED, {"ssn"}), "state_id": state_id(verified={"ssn"})},
        FAILED,
        "fail_resolution_without_state_id_coverage",
    ),
    (
        ONE,
        {"resolution": resolution(FAILED, {"dead"}), "state_id": state_id(verified={"dead"})},
        FAILED,
        "fail_resolution_without_state_id_coverage",
    ),
    (
        ONE,
        {
            "resolution": resolution(FAILED, {"address"}),
            "state_id": Check(skipped="VerifiedWithDocument"),
            "verified_with_document": frozenset(),
        },
        FAILED,
        "fail_resolution_without_state_id_coverage",
    ),
    # A person has to look, at the home's address,
    (
        DISTINCT,
        {"residential_address": resolution(REVIEW), "resolution": CANNOT, "state_id": NOT_WANTED},
        REVIEW,
        "review_resolution",
    ),
    # at the resolution, which no office cures,
    (ONE, {"resolution": resolution(REVIEW), "state_id": NOT_WANTED}, REVIEW, "review_resolution"),
    (
        ONE,
        {"resolution": resolution(REVIEW, {"address"}), "state_id": state_id(verified={"address"})},
        REVIEW,
        "review_resolution",
    ),
    # or at the office's answer,
    (ONE, {"state_id": state_id(REVIEW)}, REVIEW, "review_state_id"),
    (
        ONE,
        {"resolution": resolution(FAILED, {"address"}), "state_id": state_id(REVIEW)},
        REVIEW,
        "review_state_id",
    ),
    (ONE, {"resolution": resolution(REVIEW), "state_id": state_id(REVIEW)}, REVIEW, "review_state_id"),
    # unless another one's no decides.
    (ONE, {"resolution": resolution(REVIEW), "state_id": state_id(FAILED)}, FAILED, "fail_state_id"),
    (ONE, {"resolution": resolution(FAILED), "state_id": state_id(REVIEW)}, FAILED, "fail_state_id"),
]


@pytest.mark.parametrize(("applicant", "replaced", "outcome", "reason"), ROWS)
def test_each_row_of_the_adjudication(applicant, replaced, outcome, reason):
    """Outcome and reason follow the first matching row."""
    record = adjudicate(applicant, checks(**replaced))
    assert record.outcome is (outcome if record.end_state is EndState.DONE else Outcome.UNKNOWN)
    assert (record.end_state is EndState.DONE) is all(
        check.error is None for check in replaced.values() if isinstance(check, Check)
    )
    assert record.resolution_reason == reason
    assert record.reasons[0] == reason


@pytest.mark.parametrize(
    ("check", "success", "reason", "status"),
    [
        (device(), True, "device_profiling_result_pass", "pass"),
        (Check(skipped="tmx_disabled"), True, "device_profiling_result_pass", "pass"),
        (
            device(ReviewStatus.REVIEW, Outcome.REVIEW),
            True,
            "device_profiling_result_review_required",
            "review",
        ),
        (device(ReviewStatus.REJECT, FAILED), True, "device_profiling_result_review_required", "reject"),
        (Check(error=VendorError(Cause.TIMEOUT, "x")), False, "device_profiling_exception", None),
        (device(ReviewStatus.PASS, Outcome.UNKNOWN), False, "device_profiling_exception", "pass"),
        (Check(skipped="x", skipped_passes=False), False, "device_profiling_exception", None),
    ],
)
def test_each_row_of_the_device_table(check, success, reason, status):
    """Review and reject pass here and are handled later; only an exception fails."""
    assert judge_device(check) == (success, reason)
    record = adjudicate(ONE, checks(device=check))
    assert (record.outcome is PASSED) is success
    assert record.device_reason == reason
    assert record.device_review_status == status
    assert record.hybrid_device_review_status is None


def test_the_second_device_counts_too():
    """The worse of two devices gives the reason, and an exception of either fails."""
    record = adjudicate(ONE, checks(hybrid_device=device(ReviewStatus.REJECT, FAILED)))
    assert record.outcome is PASSED
    assert record.device_reason == "device_profiling_result_review_required"
    assert record.hybrid_device_review_status == "reject"
    record = adjudicate(ONE, checks(hybrid_device=Check(error=VendorError(Cause.UNREACHABLE, "x"))))
    assert record.outcome is Outcome.UNKNOWN
    assert record.end_state is EndState.DEVICE_EXCEPTION


@pytest.mark.parametrize(
    ("replaced", "end", "exception"),
    [
        ({}, EndState.DONE, None),
        ({"resolution": resolution(FAILED), "state_id": NOT_WANTED}, EndState.DONE, None),
        (
            {
                "resolution": Check(error=VendorError(Cause.NONSENSE, "x", codes=("500",))),
                "state_id": NOT_WANTED,
            },
            EndState.VENDOR_EXCEPTION,
            "nonsense 500",
        ),
        (
            {"state_id": Check(error=VendorError(Cause.SOURCE_TIMEOUT, "x", codes=("0047",)))},
            EndState.STATE_ID_EXCEPTION,
            "source_timeout 0047",
        ),
        ({"state_id": Check(error=VendorError(Cause.TIMEOUT, "x"))}, EndState.VENDOR_EXCEPTION, "timeout"),
        (
            {"state_id": Check(error=VendorError(Cause.MAINTENANCE, "x"), is_unavailable=True)},
            EndState.VENDOR_UNAVAILABLE,
            "maintenance",
        ),
        (
            {"device": Check(error=VendorError(Cause.UNREACHABLE, "x"))},
            EndState.DEVICE_EXCEPTION,
            "unreachable",
        ),
        (
            {
                "device": Check(error=VendorError(Cause.UNREACHABLE, "x")),
                "state_id": Check(error=VendorError(Cause.SOURCE_DOWN, "x", codes=("0001",))),
            },
            EndState.STATE_ID_EXCEPTION,
            "source_down 0001",
        ),
        (
            {
                "resolution": Check(error=VendorError(Cause.TIMEOUT, "x")),
                "state_id": NOT_WANTED,
                "device": Check(error=VendorError(Cause.UNREACHABLE, "x")),
            },
            EndState.VENDOR_EXCEPTION,
            "timeout",
        ),
        (
            {"resolution": resolution(Outcome.UNKNOWN), "state_id": NOT_WANTED},
            EndState.VENDOR_EXCEPTION,
            "unknown_outcome",
        ),
        ({"phone_precheck": Check(error=VendorError(Cause.TIMEOUT, "x"))}, EndState.DONE, None),
    ],
)
def test_the_first_exception_decides_how_the_job_ends(replaced, end, exception):
    """Resolution before home address before state ID before device; no answer is never a failure."""
    record = adjudicate(ONE, checks(**replaced))
    assert (record.end_state, record.exception) == (end, exception)
    assert (record.outcome is Outcome.UNKNOWN) is (end is not EndState.DONE)


def test_a_review_needs_a_device_that_somebody_profiled():
    """Without an answer of the profiler there is no outcome; where nobody profiles, the attempt fails."""
    in_review = checks(resolution=resolution(REVIEW), state_id=NOT_WANTED)
    silent = Check(error=VendorError(Cause.UNREACHABLE, "x"))
    record = adjudicate(ONE, replace(in_review, device=silent))
    assert (record.outcome, record.end_state) == (Outcome.UNKNOWN, EndState.DEVICE_EXCEPTION)
    nobody = Check(skipped="device is switched off", skipped_passes=False)
    record = adjudicate(ONE, replace(in_review, device=nobody))
    assert (record.outcome, record.end_state) == (FAILED, EndState.DONE)
    assert adjudicate(ONE, replace(checks(), device=nobody)).outcome is FAILED


@pytest.mark.parametrize(
    ("outcome", "passed", "failed"),
    [(PASSED, True, False), (FAILED, False, True), (REVIEW, False, False)],
)
def test_a_phone_in_review_is_not_remembered_as_failed(outcome, passed, failed):
    """The phone step asks again; the number is neither confirmed nor refused."""
    check = Check(result=PhoneResult(vendor_name="carrier", outcome=outcome))
    record = adjudicate(ONE, checks(phone_precheck=check))
    assert record.outcome is PASSED
    assert (record.phone_precheck_passed, record.phone_precheck_failed) == (passed, failed)


SKIPS = [
    ({"state_id": NO_OFFICE}, "state_id"),
    ({"state_id": NOT_WANTED}, "state_id"),
    ({"state_id": Check(skipped="StateIDExceptionBypassed-source_down")}, "state_id"),
    (
        {"state_id": Check(skipped="VerifiedWithDocument"), "verified_with_document": frozenset({"address"})},
        "state_id",
    ),
    ({"residential_address": NO_HOME}, "residential_address"),
    ({"resolution": CANNOT}, "resolution"),
    ({"resolution": Check(skipped="resolution is switched off", skipped_passes=False)}, "resolution"),
    ({"phone_precheck": NO_PHONE}, "phone_precheck"),
    ({"phone_precheck": Check(skipped="NoPhoneNumberAvailable", skipped_passes=False)}, "phone_precheck"),
    ({"device": Check(skipped="tmx_disabled")}, "device"),
    ({"device": plan_device(enabled=True, session_id=None)}, "device"),
    ({"device": plan_device(enabled=True, session_id="s", has_data=False)}, "device"),
]


@pytest.mark.parametrize(("replaced", "stage"), SKIPS)
def test_what_was_skipped_was_not_checked(replaced, stage):
    """Whatever a skip means for the outcome, the record never calls it a yes."""
    record = adjudicate(ONE, checks(**replaced))
    assert record.checks[stage] == "not_checked"
    assert all(state != "not_checked" for name, state in adjudicate(SAME, EVERYTHING).checks.items())


def test_signs_of_fraud_are_among_the_reasons():
    """Also those of a phone that passed the pre-check, and they decide nothing of the person's identity."""
    check = Check(
        result=PhoneResult(
            vendor_name="carrier",
            outcome=PASSED,
            fraud_signals=frozenset({FraudSignal.NUMBER_REASSIGNED, FraudSignal.SIM_SWAPPED}),
        )
    )
    record = adjudicate(ONE, checks(phone_precheck=check))
    assert record.outcome is PASSED
    assert record.phone_precheck_passed
    assert record.reasons[2:] == record.fraud_signals == ("sim_swapped", "number_reassigned")


def test_any_time_out_counts():
    """Also that of a call which decides nothing."""
    assert not adjudicate(ONE, checks()).timed_out
    assert adjudicate(ONE, checks(phone_precheck=Check(error=VendorError(Cause.TIMEOUT, "x")))).timed_out
    assert not adjudicate(ONE, checks(device=Check(error=VendorError(Cause.UNREACHABLE, "x")))).timed_out


def test_errors_merge_by_attribute_in_the_order_of_the_stages():
    """Each attribute lists who disagreed; one shared answer is counted once; unknown names are not kept."""
    unknown = dict.fromkeys(("Mary Smith", "1 Fake Rd"), Match.MISMATCH)
    shared = resolution(FAILED, attributes={"ssn": Match.MISMATCH, "dob": Match.UNAVAILABLE, **unknown})
    office = state_id(
        FAILED, attributes={"dob": Match.MISMATCH, "first_name": Match.MATCH, "city": Match.NOT_CHECKED}
    )
    record = adjudicate(SAME, checks(resolution=shared, residential_address=shared, state_id=office))
    assert record.errors == {
        "ssn": ("resolution:mismatch",),
        "dob": ("resolution:unavailable", "state_id:mismatch"),
        "unknown": ("resolution:mismatch",),
    }


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (resolution(FAILED, {"address"}), True),
        (resolution(FAILED, {"address", "dob"}), False),
        (resolution(FAILED), False),
        (resolution(Outcome.PASSED, {"address"}), False),
    ],
)
def test_only_the_address_missing_leads_to_its_form(check, expected):
    """With an exception of the office alongside it, the screen asks for the address."""
    office = Check(error=VendorError(Cause.SOURCE_TIMEOUT, "x", codes=("0047",)))
    record = adjudicate(ONE, checks(resolution=check, state_id=office))
    assert record.only_address_missing is expected
    assert ("only_address_missing" in record.reasons) is expected


def test_facts_of_each_stage_are_kept():
    """Who was asked, what it cost, and what came; JSON-ready and without applicant data."""
    record = adjudicate(
        replace(DISTINCT, phone="7035550100"),
        checks(
            residential_address=resolution(
                transaction_id="t1", reasons=("ok",), verified_attributes=frozenset("b")
            ),
            resolution=resolution(FAILED, {"address"}, billed=False),
            state_id=NOT_WANTED,
            device=Check(
                error=VendorError(
                    Cause.TIMEOUT, "text of an error", vendor_name="profiler", transaction_id="t2"
                )
            ),
        ),
    )
    stages = record.stages
    assert list(stages) == ["resolution", "residential_address", "state_id", "device", "phone_precheck"]
    assert stages["residential_address"].transaction_id == "t1"
    assert stages["residential_address"].billed
    assert stages["resolution"].missing_attributes == ("address",)
    assert not stages["resolution"].billed
    assert stages["state_id"].vendor_name == "AamvaCheckSkipped"
    assert record.checks == {
        "resolution": "failed",
        "residential_address": "passed",
        "state_id": "not_checked",
        "device": "unknown",
        "phone_precheck": "not_checked",
    }
    assert stages["device"].timed_out
    assert stages["device"].billed
    assert stages["device"].transaction_id == "t2"
    text = json.dumps(asdict(record))
    assert "MARIGOLD" not in text
    assert "900551234" not in text
    assert "text of an error" not in text
