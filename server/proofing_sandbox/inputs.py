"""What the test inputs of docs/vendors/mock.md ask for, whichever vendor is asked.

Each function takes what a request says and returns what the sandbox is to answer.
"""

import re
from enum import StrEnum

_TEST_SSN_PREFIXES = ("900", "666")
_OFFICE_TIMEOUT_NUMBER = "mvatimeout"
_PHONES: dict[str, "Verdict"]
_INTERNET_PHONE = "7035550183"
_OPTED_OUT_PHONE = "7035550181"
_UNREACHABLE_PHONE = "7035550182"


class Verdict(StrEnum):
    """What a test input asks for."""

    #: A yes.
    PASSED = "passed"
    #: A no.
    FAILED = "failed"
    #: Somebody has to look at it.
    REVIEW = "review"
    #: The vendor cannot serve.
    UNAVAILABLE = "unavailable"
    #: The vendor answers after every deadline.
    TIMEOUT = "timeout"
    #: The source that the vendor asks does not answer it in time.
    SOURCE_TIMEOUT = "source_timeout"
    #: The vendor answers with something that is not its format.
    NONSENSE = "nonsense"


_PHONES = {
    "7035555555": Verdict.FAILED,
    "7035555777": Verdict.REVIEW,
    "7035555888": Verdict.TIMEOUT,
    "7035555999": Verdict.UNAVAILABLE,
}
_MESSAGES = {"7035550188": Verdict.TIMEOUT, "7035550189": Verdict.UNAVAILABLE}


def judge_resolution(*, first_name: str, ssn: str, zipcode: str) -> tuple[Verdict, str | None]:
    """Return the verdict on a person, and with a no the attribute it is about.

    The attribute is ``first_name``, ``ssn`` or ``zipcode``.
    """
    digits, name = re.sub(r"\D", "", ssn, flags=re.ASCII), first_name.lower()
    if digits == "000000000":
        return Verdict.UNAVAILABLE, None
    words = {
        "fail": Verdict.UNAVAILABLE,
        "time": Verdict.TIMEOUT,
        "parse": Verdict.NONSENSE,
        "bad": Verdict.FAILED,
        "review": Verdict.REVIEW,
    }
    found = next((verdict for word, verdict in words.items() if word in name), None)
    if found is not None:
        return found, "first_name" if found is Verdict.FAILED else None
    if not digits.startswith(_TEST_SSN_PREFIXES):
        return Verdict.FAILED, "ssn"
    if zipcode.startswith("00000"):
        return Verdict.FAILED, "zipcode"
    return Verdict.PASSED, None


def judge_phone(number: str) -> Verdict:
    """Return the verdict on a phone number in any formatting, with or without the country code."""
    national = _national(number)
    return _PHONES.get(national, Verdict.PASSED if national else Verdict.FAILED)


def judge_line(number: str) -> str:
    """Return the kind of line of a number: ``voip`` or ``mobile``."""
    return "voip" if _national(number) == _INTERNET_PHONE else "mobile"


def judge_message(number: str, *, is_call: bool, chosen: Verdict | None = None) -> tuple[Verdict, str | None]:
    """Return the verdict on a message to *number*, and with a no why: ``opted_out`` or ``unreachable``.

    A verdict that was *chosen* is that of every number.
    """
    if chosen is not None:
        return chosen, "opted_out" if chosen is Verdict.FAILED else None
    national = _national(number)
    if national == _OPTED_OUT_PHONE and not is_call:
        return Verdict.FAILED, "opted_out"
    if national == _UNREACHABLE_PHONE:
        return Verdict.FAILED, "unreachable"
    return _MESSAGES.get(national, Verdict.PASSED), None


def _national(number: str) -> str:
    digits = re.sub(r"\D", "", number, flags=re.ASCII)
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits  # noqa: PLR2004 - with the 1


def judge_state_id(number: str) -> Verdict:
    """Return the verdict on the number of a license."""
    number = number.strip()
    if number.lower() == _OFFICE_TIMEOUT_NUMBER:
        return Verdict.SOURCE_TIMEOUT
    return Verdict.PASSED if number.strip("0") else Verdict.FAILED


def judge_device(session_id: str) -> Verdict:
    """Return the verdict on a browser session."""
    if "no_result" in session_id:
        return Verdict.UNAVAILABLE
    if "reject" in session_id:
        return Verdict.FAILED
    return Verdict.REVIEW if "review" in session_id else Verdict.PASSED
