"""What Phone Finder answers, on either platform: one verdict, with many checks that decide nothing."""

from collections.abc import Mapping
from types import MappingProxyType

from proofing.plugin import FraudSignal, LineType, Match, Outcome, PhoneResult
from proofing_lexisnexis.envelope import Conversation

_NAME_MISMATCH = "Input phone number could not be verified to name"
_RISK = "Risk Indicators"
#: Indicators of the kind of line, the one that weighs most first. One that holds is a check with ``fail``.
_LINES: Mapping[str, LineType] = MappingProxyType(
    {
        "VOIPPhone": LineType.VOIP,
        "LandlineServiceType": LineType.LANDLINE,
        "WirelessServiceType": LineType.MOBILE,
    }
)


def phone_result(
    conversation: Conversation,
    *,
    vendor_name: str,
    reference: str | None = None,
    vendor_workflow: str | None = None,
) -> PhoneResult:
    """Return the answer in Proofing's words.

    A no is ``phone_mismatch`` when the phone could not be verified to the name, ``phone_risk`` when the risk
    of the phone was too high, both, or neither where the vendor does not say. `phone_mismatch` alone is the
    no after which another vendor may know more.
    """
    match, reasons = Match.MATCH, []
    signals: frozenset[FraudSignal] = frozenset()
    if not conversation.passed:
        match = Match.NOT_CHECKED
        decisions = conversation.of_step("PhoneFinder Checks")
        why = [(one.reason.description if one.reason else None) or "" for one in decisions]
        if any(_NAME_MISMATCH in text for text in why):
            match = Match.MISMATCH
            reasons.append("phone_mismatch")
        has_failed = any(one.status == "fail" for one in conversation.of_step("PhoneFinder"))
        if has_failed or any(_RISK in text for text in why):
            reasons.append(FraudSignal.HIGH_RISK.value)
            signals = frozenset({FraudSignal.HIGH_RISK})
    return PhoneResult(
        vendor_name=vendor_name,
        outcome=Outcome.PASSED if conversation.passed else Outcome.FAILED,
        attributes={"phone": match},
        reasons=tuple(reasons),
        vendor_codes=conversation.codes,
        transaction_id=conversation.transaction_id,
        reference=reference,
        vendor_workflow=vendor_workflow,
        fraud_signals=signals,
        line_type=_line_type(conversation),
    )


def _line_type(conversation: Conversation) -> LineType | None:
    """Return the kind of line that the checks show; None where they show none, as in answers without any."""
    finder = conversation.product("PhoneFinder")
    items = (finder.items if finder else None) or []
    holding = {item.name for item in items if item.status == "fail"}
    return next((line for name, line in _LINES.items() if name in holding), None)
