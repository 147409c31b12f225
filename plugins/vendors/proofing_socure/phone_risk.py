"""PhoneRisk: does the phone go with the name, and how risky is it?

A yes: the correlation is above the one threshold, the risk score below the other, both strictly, and no
reason code is one of the setting ``phone_risk_auto_fail_codes``. A no that says nothing but that the name is
another one has the reason ``name_mismatch``: another phone vendor may know better.
"""

from typing import TYPE_CHECKING

from proofing.plugin import (
    Applicant,
    FraudSignal,
    Match,
    Outcome,
    PhoneResult,
    PluginError,
    ProofingContext,
    ProofingRequest,
    VendorContext,
    parse_phone,
)
from proofing_socure.code_list import CodeList
from proofing_socure.id_plus import Answer, IDPlus, Part, ReasonCodes, Share, person
from proofing_socure.reason_codes import REFUSED_CODE

if TYPE_CHECKING:
    from proofing_socure.settings import SocureSettings

_NAME = "socure:phone_risk"
_RISK = "R"
_HIGH_RISK = FraudSignal.HIGH_RISK.value
_SIGNALS = frozenset({FraudSignal.HIGH_RISK})


class Score(Part):
    """A section of the answer. ``signals`` of PhoneRisk is personal data, and is not read."""

    reason_codes: ReasonCodes
    score: Share


class PhoneRiskAnswer(Answer):
    """An answer of the module, which always has both sections."""

    phone_risk: Score
    name_phone_correlation: Score


class PhoneRisk:
    """Asks Socure's PhoneRisk module."""

    def __init__(self, settings: "SocureSettings") -> None:
        """Take address, key, thresholds and codes from *settings*.

        Raises:
            PluginError: a threshold is not set.
        """
        above, below = settings.phone_risk_correlation_above, settings.phone_risk_score_below
        if above is None or below is None:
            raise PluginError(
                "socure.phone_risk_correlation_above and socure.phone_risk_score_below must be set"
            )
        self._correlation_above, self._score_below = above, below
        self._auto_fail = frozenset(settings.phone_risk_auto_fail_codes)
        self._name_mismatch = frozenset(settings.phone_risk_name_mismatch_codes)
        self._id_plus = IDPlus(settings, _NAME)
        self._codes = CodeList(settings, _NAME, prefix="phone_risk_")

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> PhoneResult:
        """Ask once."""
        applicant = request.applicant
        phone = parse_phone(applicant.phone or "")
        if phone is None:
            raise self._id_plus.missing("phone")
        question = {
            "modules": ["phonerisk"],
            **person(applicant),
            "mobileNumber": phone,
            "returnSignals": True,
        }
        return self._result(await self._id_plus.ask(context, question, PhoneRiskAnswer), applicant)

    async def check(self, context: VendorContext) -> str | None:
        """Return which codes of the settings Socure does not list."""
        return await self._codes.check(context)

    def _result(self, answer: PhoneRiskAnswer, applicant: Applicant) -> PhoneResult:
        """Return what *answer* comes to."""
        risk, correlation = answer.phone_risk, answer.name_phone_correlation
        codes = tuple(dict.fromkeys((*risk.reason_codes, *correlation.reason_codes)))
        correlates = correlation.score > self._correlation_above
        wrong = {
            "phone_mismatch": not correlates,
            _HIGH_RISK: not risk.score < self._score_below,
            REFUSED_CODE: not self._auto_fail.isdisjoint(codes),
        }
        reasons = [reason for reason, holds in wrong.items() if holds]
        risks = {code for code in codes if code.startswith(_RISK)}
        is_name_mismatch = risks <= self._name_mismatch and not self._name_mismatch.isdisjoint(codes)
        if reasons and is_name_mismatch:
            reasons.append("name_mismatch")
        return PhoneResult(
            vendor_name=_NAME,
            outcome=Outcome.FAILED if reasons else Outcome.PASSED,
            attributes={"phone": Match.MATCH if correlates else Match.MISMATCH},
            reasons=tuple(reasons),
            vendor_codes=codes,
            transaction_id=answer.reference_id,
            reference=answer.echo(applicant),
            fraud_signals=frozenset() if {_HIGH_RISK, REFUSED_CODE}.isdisjoint(reasons) else _SIGNALS,
        )
