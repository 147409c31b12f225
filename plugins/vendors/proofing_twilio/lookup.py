"""The proofer: one GET, and a verdict by the rules of the settings."""

import base64
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote, urlencode

from proofing.plugin import (
    Applicant,
    Cause,
    FraudSignal,
    LineType,
    Match,
    Outcome,
    PhoneResult,
    ProofingContext,
    ProofingRequest,
    VendorError,
    parse_phone,
)
from proofing_twilio.answer import (
    NO_DATA,
    NO_SIM_SWAP_DATA,
    IdentityMatch,
    LookupAnswer,
    ReassignedNumber,
    SIMSwap,
    package_error,
    read_answer,
)
from proofing_twilio.settings import Signal, TwilioSettings

_NAME = "twilio"
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
#: Our attributes, the parameters that they are sent as, and the levels that come back.
_SENT = {
    "first_name": "FirstName",
    "last_name": "LastName",
    "address1": "AddressLine1",
    "address2": "AddressLine2",
    "city": "City",
    "state": "State",
    "zipcode": "PostalCode",
}
_LEVELS = {
    "first_name": "first_name_match",
    "last_name": "last_name_match",
    "address1": "address_line_match",
    "city": "city_match",
    "state": "state_match",
    "zipcode": "postal_code_match",
}
#: What the comparison of the owner says of the number.
_PHONES = {
    Outcome.PASSED: Match.MATCH,
    Outcome.FAILED: Match.MISMATCH,
    Outcome.UNKNOWN: Match.UNAVAILABLE,
}
#: Twilio's words for lines in ours; the others are other lines.
_LINES = {
    "fixedVoip": LineType.VOIP,
    "landline": LineType.LANDLINE,
    "mobile": LineType.MOBILE,
    "nonFixedVoip": LineType.VOIP,
    "premium": LineType.PREMIUM,
    "sharedCost": LineType.PREMIUM,
    "tollFree": LineType.TOLL_FREE,
}
_REQUIRED = {"first_name": "first_name", "last_name": "last_name", "address": "address1"}


#: Lines that come with an account of a carrier; numbers on the Internet do not.
_CARRIER_LINES = frozenset({"landline", "mobile"})


@dataclass(slots=True)
class _Verdict:
    """What was found so far; a no outweighs a review, and that what is not known."""

    attributes: dict[str, Match] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    found: set[Outcome] = field(default_factory=set)
    signals: set[FraudSignal] = field(default_factory=set)

    def add(self, outcome: Outcome | None, reason: str) -> None:
        """Note *reason*, and what it comes to; None: to nothing."""
        self.reasons.append(reason)
        self.found |= {outcome} if outcome else set()

    def add_signal(self, outcome: Outcome | None, signal: FraudSignal) -> None:
        """Note a sign of fraud, and what it comes to; None: to nothing."""
        self.signals.add(signal)
        self.add(outcome, signal.value)

    @property
    def outcome(self) -> Outcome:
        """The answer."""
        order = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.REVIEW)
        return next((outcome for outcome in order if outcome in self.found), Outcome.PASSED)


_SIGNALS = {Signal.NOTE: None, Signal.REVIEW: Outcome.REVIEW, Signal.FAIL: Outcome.FAILED}


class LookupProofer:
    """Asks Lookup for the packages of the settings, all in one call."""

    def __init__(self, settings: TwilioSettings) -> None:
        """Take the *settings*."""
        self._settings = settings
        key = f"{settings.api_key_sid.get_secret_value()}:{settings.api_key_secret.get_secret_value()}"
        self._headers = {
            "authorization": f"Basic {base64.b64encode(key.encode()).decode()}",
            "accept": "application/json",
        }

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> PhoneResult:
        """Look the phone up."""
        applicant = request.applicant
        phone = parse_phone(applicant.phone or "")
        if phone is None:
            raise VendorError(Cause.BAD_REQUEST, "there is no phone number", vendor_name=_NAME, billed=False)
        if not any(getattr(applicant, _REQUIRED[name]) for name in self._settings.required_matches):
            message = "nothing is known that must match"
            raise VendorError(Cause.BAD_REQUEST, message, vendor_name=_NAME, billed=False)
        number = f"+1{phone}"
        query = urlencode(list(self._query(applicant, context)), quote_via=quote)
        url = f"{self._settings.base_url}/v2/PhoneNumbers/{quote(number, safe='')}?{query}"
        response = await context.http.get(url, headers=self._headers)
        answer = read_answer(response)
        if answer.valid and answer.phone_number != number:
            raise _nonsense("the answer is about another number")
        verdict = self._judge(answer, applicant)
        request_id = response.headers.get("twilio-request-id", "")
        return PhoneResult(
            vendor_name=_NAME,
            outcome=verdict.outcome,
            attributes=verdict.attributes,
            reasons=tuple(verdict.reasons),
            vendor_codes=tuple(verdict.codes),
            account=_account(answer, verdict, applicant),
            transaction_id=request_id if _REQUEST_ID.fullmatch(request_id) else None,
            fraud_signals=frozenset(verdict.signals),
            line_type=_line_type(answer),
        )

    def _query(self, applicant: Applicant, context: ProofingContext) -> Iterator[tuple[str, str]]:
        """Yield the parameters."""
        settings = self._settings
        fields = ["line_type_intelligence", "identity_match"]
        fields += [
            name for name in ("sim_swap", "reassigned_number") if getattr(settings, name) is not Signal.SKIP
        ]
        yield "Fields", ",".join(fields)
        for attribute, parameter in _SENT.items():
            if value := getattr(applicant, attribute):
                yield parameter, value
        if applicant.address1:
            yield "AddressCountryCode", "US"
        if settings.reassigned_number is not Signal.SKIP:
            since = context.now() - timedelta(days=settings.reassigned_within_days)
            yield "LastVerifiedDate", since.strftime("%Y%m%d")

    def _judge(self, answer: LookupAnswer, applicant: Applicant) -> _Verdict:
        """Return what *answer* comes to."""
        verdict = _Verdict()
        if not answer.valid:
            verdict.attributes["phone"] = Match.MISMATCH
            verdict.codes += answer.validation_errors or []
            verdict.add(Outcome.FAILED, "phone_invalid")
            return verdict
        if answer.validation_errors:
            raise _nonsense("a valid number with errors")
        self._judge_line(answer, verdict)
        self._judge_identity(answer, applicant, verdict)
        self._judge_signals(answer, verdict)
        return verdict

    def _judge_line(self, answer: LookupAnswer, verdict: _Verdict) -> None:
        line = answer.line_type_intelligence
        if line is None:
            raise _nonsense("the package line_type_intelligence is missing")
        if line.error_code is not None and line.error_code not in NO_DATA:
            raise package_error(line.error_code, _NAME)
        if line.error_code is not None or line.type in {None, "unknown"}:
            verdict.add(Outcome.UNKNOWN, "line_type_unknown")
        elif line.type not in self._settings.line_types:
            verdict.codes.append(line.type)
            verdict.add(Outcome.FAILED, "line_type_not_accepted")

    def _judge_identity(self, answer: LookupAnswer, applicant: Applicant, verdict: _Verdict) -> None:
        identity, settings = answer.identity_match, self._settings
        if identity is None:
            raise _nonsense("the package identity_match is missing")
        if identity.error_code is not None:
            if identity.error_code not in NO_DATA:
                raise package_error(identity.error_code, _NAME)
            verdict.codes.append(str(identity.error_code))
            verdict.add(Outcome.UNKNOWN, "phone_not_covered")
            return
        verdict.attributes |= _matches(identity, applicant, settings.match_levels)
        for name in settings.required_matches:
            attribute = _REQUIRED[name]
            if getattr(applicant, attribute):
                self._require(attribute, getattr(identity, _LEVELS[attribute]), verdict)
        if not verdict.found and applicant.first_name and applicant.last_name:
            if identity.summary_score is None:
                raise _nonsense("the summary score is missing")
            if identity.summary_score < settings.min_summary_score:
                verdict.add(Outcome.FAILED, "identity_score_low")
        verdict.attributes["phone"] = _PHONES[verdict.outcome]

    def _require(self, attribute: str, level: str | None, verdict: _Verdict) -> None:
        """Hold a required attribute to what was found of it."""
        if level is None:
            raise _nonsense("a match that was asked for is missing")
        if level == "no_data_available":
            verdict.add(Outcome.UNKNOWN, f"{attribute}_unavailable")
        elif level == "no_match":
            verdict.add(Outcome.FAILED, f"{attribute}_mismatch")
        elif level not in self._settings.match_levels:
            verdict.add(Outcome.FAILED, f"{attribute}_partial_match")

    def _judge_signals(self, answer: LookupAnswer, verdict: _Verdict) -> None:
        """Add the signs of fraud. One without data, or that could not be checked, is held against nobody.

        Raises:
            VendorError: a package that decides failed, or one that was asked for is missing.
        """
        if self._settings.sim_swap is not Signal.SKIP:
            self._judge_sim_swap(answer.sim_swap, verdict)
        if self._settings.reassigned_number is not Signal.SKIP:
            self._judge_owner(answer.reassigned_number, verdict)

    def _judge_sim_swap(self, swap: SIMSwap | None, verdict: _Verdict) -> None:
        signal = self._settings.sim_swap
        if swap is None:
            raise _nonsense("the package sim_swap is missing")
        # Null also without an error: of countries and carriers that are not covered.
        last = swap.last_sim_swap if swap.error_code is None else None
        if _has_failed(swap.error_code, NO_SIM_SWAP_DATA, signal, verdict):
            verdict.add(None, "sim_swap_not_checked")
        elif last is None or last.swapped_in_period is None:
            verdict.add(None, "sim_swap_unavailable")
        elif last.swapped_in_period:
            verdict.add_signal(_SIGNALS[signal], FraudSignal.SIM_SWAPPED)

    def _judge_owner(self, owner: ReassignedNumber | None, verdict: _Verdict) -> None:
        signal = self._settings.reassigned_number
        if owner is None or (owner.error_code is None and owner.is_number_reassigned is None):
            raise _nonsense("the package reassigned_number is missing")
        if _has_failed(owner.error_code, NO_DATA, signal, verdict):
            verdict.add(None, "reassignment_not_checked")
        elif owner.error_code is not None or owner.is_number_reassigned == "no_data_available":
            verdict.add(None, "reassignment_unavailable")
        elif owner.is_number_reassigned == "yes":
            verdict.add_signal(_SIGNALS[signal], FraudSignal.NUMBER_REASSIGNED)


def _account(answer: LookupAnswer, verdict: _Verdict, applicant: Applicant) -> Match:
    """Return whether the account is in the applicant's name: Twilio compares with records of carriers."""
    known = [name for name in ("first_name", "last_name") if getattr(applicant, name)]
    matches = {verdict.attributes.get(name, Match.NOT_CHECKED) for name in known}
    line = answer.line_type_intelligence
    if line is None or line.type not in _CARRIER_LINES:
        return Match.NOT_CHECKED
    worst = (Match.MISMATCH, Match.UNAVAILABLE, Match.NOT_CHECKED, Match.MATCH)
    return min(matches, key=worst.index, default=Match.NOT_CHECKED)


def _line_type(answer: LookupAnswer) -> LineType | None:
    """Return the kind of line, as far as Twilio knows it."""
    line = answer.line_type_intelligence
    if line is None or line.error_code is not None or line.type is None or line.type == "unknown":
        return None
    return _LINES.get(line.type, LineType.OTHER)


def _matches(identity: IdentityMatch, applicant: Applicant, accepted: Collection[str]) -> Mapping[str, Match]:
    """Return what is said of each attribute that was sent."""
    found = {}
    for attribute, name in _LEVELS.items():
        level = getattr(identity, name)
        if getattr(applicant, attribute) is None or level is None:
            continue
        if level == "no_data_available":
            found[attribute] = Match.UNAVAILABLE
        else:
            found[attribute] = Match.MATCH if level in accepted else Match.MISMATCH
    return found


def _has_failed(code: int | None, no_data: Collection[int], signal: Signal, verdict: _Verdict) -> bool:
    """Return whether a package failed for another reason than a lack of data; its *code* is noted.

    Raises:
        VendorError: it did, and its check decides.
    """
    if code is None or code in no_data:
        return False
    if signal is not Signal.NOTE:
        raise package_error(code, _NAME)
    verdict.codes.append(str(code))
    return True


def _nonsense(message: str) -> VendorError:
    """Return the error of an answer that is not what Twilio documents."""
    return VendorError(Cause.NONSENSE, message, vendor_name=_NAME)
