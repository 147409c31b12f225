"""What AAMVA says in place of an answer: HTTP statuses, SOAP faults and the exceptions of the states.

The texts of faults and exceptions are free text, which may repeat the question: they end here. What is kept
is the HTTP status, ids of exceptions and standard words of faults.
"""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from proofing.plugin import Cause, VendorError, VendorResponse
from proofing_aamva.elements import local_name, named, text_of
from proofing_aamva.settings import NAME

OK = 200
_EXCEPTION_ID = re.compile(r"\d{4}", re.ASCII)
#: The exceptions of a state's system that are documented; where several come at once, the first of this list
#: decides.
_STATE_EXCEPTIONS = {
    "0001": Cause.SOURCE_DOWN,  # it is not available
    "0002": Cause.SOURCE_DOWN,  # it failed
    "0047": Cause.SOURCE_TIMEOUT,  # it did not answer in time
}
#: Fault codes that refuse who asks. Web Services Security 1.1, section 12; WS-Trust 1.3, section 11;
#: WS-SecureConversation 1.3, section 9.
_REFUSED = frozenset(
    {
        *("BadContextToken", "ExpiredData", "FailedAuthentication", "FailedCheck", "InvalidSecurity"),
        *("InvalidSecurityToken", "MessageExpired", "RenewNeeded", "SecurityTokenUnavailable"),
        *("UnsupportedContextToken", "UnsupportedSecurityToken"),
    }
)
#: Fault codes that blame the message. SOAP 1.2 part 1, section 5.4.6.
_MALFORMED = frozenset({"DataEncodingUnknown", "MustUnderstand", "Sender", "VersionMismatch"})
#: The fault code that blames the service.
_FAILED = "Receiver"
_WORDS = _REFUSED | _MALFORMED | {_FAILED}
#: Statuses that say more than a fault which blames the message.
_TELLING_STATUSES = frozenset({Cause.AUTHENTICATION, Cause.QUOTA})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, or an exception of a state without one.

    Attributes:
        exception_ids: of four digits, in the order of the answer.
        words: the standard words among its codes, the general one first.
    """

    exception_ids: tuple[str, ...]
    words: tuple[str, ...]


def fault_in(root: Element) -> Fault | None:
    """Return the fault in an answer, in any namespace and at any depth; None when there is none."""
    faults = list(named(root, "Fault"))
    exceptions = list(named(root, "ProgramException"))
    if not faults and not exceptions:
        return None
    ids = [text_of(child) for one in exceptions for child in one if local_name(child.tag) == "ExceptionId"]
    # A code is a qualified name whose prefix is of the sender's choice.
    words = [
        text_of(value).rpartition(":")[2]
        for one in faults
        for code in named(one, "Code")
        for value in named(code, "Value")
    ]
    return Fault(
        exception_ids=tuple(dict.fromkeys(one for one in ids if _EXCEPTION_ID.fullmatch(one))),
        words=tuple(dict.fromkeys(word for word in words if word in _WORDS)),
    )


def require_answer(response: VendorResponse, root: Element | None, what: str) -> Element:
    """Return *root* if it is an answer: of status 200, and without a fault.

    Args:
        response: what came.
        root: of its body; None where that cannot be read, as with an error status.
        what: names the call in the error's message.

    Raises:
        VendorError: it is not.
    """
    fault = fault_in(root) if root is not None else None
    if response.status != OK or root is None:
        raise _error(fault or Fault((), ()), _by_status(response), response, what)
    if fault is not None:
        raise _error(fault, None, response, what)
    return root


def _by_status(response: VendorResponse) -> Cause:
    try:
        response.require_success()
    except VendorError as error:
        return error.cause
    return Cause.NONSENSE


def _error(fault: Fault, by_status: Cause | None, response: VendorResponse, what: str) -> VendorError:
    status = () if by_status is None else (str(response.status),)
    return VendorError(
        _cause(fault, by_status),
        f"{what}: AAMVA answered with {'a fault' if by_status is None else f'HTTP {response.status}'}",
        vendor_name=NAME,
        codes=(*status, *fault.exception_ids, *fault.words),
        retry_after=response.retry_after,
        # What ends in an exception is not billed.
        billed=False,
    )


def _cause(fault: Fault, by_status: Cause | None) -> Cause:
    """Return what a fault comes to. *by_status*: of the status, None for 200."""
    for known, cause in _STATE_EXCEPTIONS.items():
        if known in fault.exception_ids:
            return cause
    words = set(fault.words)
    if words & _REFUSED:
        return Cause.AUTHENTICATION
    if by_status in _TELLING_STATUSES:
        return by_status
    if words & _MALFORMED:
        return Cause.BAD_REQUEST
    if _FAILED in words:
        return Cause.UNREACHABLE
    # An exception that is not documented, without a word that places it.
    return by_status or Cause.NONSENSE
