"""The testers' document form: a YAML text that stands in for an image. Format: docs/vendors/mock.md.

The text comes from outside, so it is read with a loader that knows plain values and dates only: no tags, no
anchors or aliases, no duplicate keys, bounded length and depth.
"""

import datetime as dt
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from proofing.plugin import (
    ATTRIBUTES,
    Applicant,
    Assurance,
    Match,
    Outcome,
    SelfieCheck,
    Side,
    parse_date,
)
from proofing_mock import standard
from proofing_mock.assureid import Alert, Classification, DocAuthResult, ImageMetrics, selfie_check

MAX_FORM_BYTES = 16 * 1024
MAX_DEPTH = 6

_TOP_KEYS = frozenset(
    """
    assurance document transaction_status doc_auth_result failed_alerts passed_alerts image_metrics
    classification_info portrait_match_results passport_check_result http_status
    """.split()
)
_METRICS = {
    "HorizontalResolution": "horizontal_resolution",
    "VerticalResolution": "vertical_resolution",
    "SharpnessMetric": "sharpness",
    "GlareMetric": "glare",
}
_CLASSIFICATION = {"ClassName": "class_name", "CountryCode": "country_code", "IssuerType": "issuer_type"}
_STATUS_KEYS = frozenset({"front", "back", "passport", "result"})
_DATES = frozenset(
    {"dob", "state_id_issued", "state_id_expiration", "passport_issued", "passport_expiration"}
)
_MATCHES = {None: Match.NOT_CHECKED, True: Match.MATCH, False: Match.MISMATCH}
_PASS_OR_FAIL = {"pass": True, "passed": True, "fail": False, "failed": False}


class FormError(ValueError):
    """The text is not a document form. Says nothing of its content."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DocumentForm:
    """What a form asks for; None and empty where it says nothing.

    Attributes:
        applicant: as completed from the standard applicant; None without a ``document`` block.
        http_status: side, or ``result``, to the status the vendor is to answer with.
    """

    applicant: Applicant | None = None
    assurance: Assurance = Assurance.AUTHENTICATED
    outcome: Outcome | None = None
    doc_auth_result: DocAuthResult | None = None
    failed_alerts: tuple[Alert, ...] = ()
    image_metrics: Mapping[Side, ImageMetrics] = field(default_factory=dict)
    classification: Mapping[Side, Classification] = field(default_factory=dict)
    selfie: SelfieCheck | None = None
    passport_check: Match = Match.NOT_CHECKED
    passport_network_failed: bool = False
    http_status: Mapping[str, int] = field(default_factory=dict)


def read_form(content: bytes) -> DocumentForm:
    """Read a form.

    Raises:
        FormError: too long, no UTF-8, no plain YAML mapping, or with keys or values that mean nothing.
    """
    if len(content) > MAX_FORM_BYTES:
        raise FormError
    try:
        values = _mapping(yaml.load(content.decode("utf-8"), Loader=_PlainLoader))  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError):
        raise FormError from None
    _only(values, _TOP_KEYS)
    portrait = _section(values, "portrait_match_results", {"FaceMatchResult", "FaceErrorMessage"})
    passport = _section(values, "passport_check_result", {"PassportCheckResult", "NetworkResult"})
    # They say nothing; a form with invalid ones is still refused.
    _alerts(values.get("passed_alerts"), DocAuthResult.PASSED)
    return DocumentForm(
        applicant=_applicant(values.get("document")),
        assurance=_assurance(values.get("assurance")),
        outcome=_outcome(values.get("transaction_status")),
        doc_auth_result=_doc_auth_result(values.get("doc_auth_result")),
        failed_alerts=_alerts(values.get("failed_alerts"), DocAuthResult.FAILED),
        image_metrics={
            side: ImageMetrics(**{_METRICS[name]: _integer(value) for name, value in metrics.items()})
            for side, metrics in _by_side(values.get("image_metrics"), _METRICS)
        },
        classification={
            side: Classification(**{_CLASSIFICATION[name]: _text(value) for name, value in seen.items()})
            for side, seen in _by_side(values.get("classification_info"), _CLASSIFICATION)
        },
        selfie=_selfie(portrait),
        passport_check=_MATCHES[_verdict(passport.get("PassportCheckResult"))],
        passport_network_failed=_verdict(passport.get("NetworkResult")) is False,
        http_status=_http_status(values),
    )


class _PlainLoader(yaml.SafeLoader):
    """Reads plain values and dates; refuses everything by which a short text grows or acts."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose one node, refusing aliases, anchors, tags and depth."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        is_plain = (
            not isinstance(event, yaml.AliasEvent)
            and getattr(event, "anchor", None) is None
            and getattr(event, "tag", None) is None
        )
        if not is_plain or self._depth >= MAX_DEPTH:
            raise FormError
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping with distinct text keys and without merge keys."""
        keys = [key.value for key, _value in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(keys)) != len(node.value) or "<<" in keys:
            raise FormError
        return super().construct_mapping(node, deep)


def _applicant(block: Any) -> Applicant | None:
    """Return the applicant of the ``document`` block: omitted keys are the standard's, null removes one."""
    if block is None:
        return None
    values = _only(_mapping(block), ATTRIBUTES)
    is_passport = _text(values.get("document_type_received") or "").startswith("passport")
    base = standard.PASSPORT if is_passport else standard.LICENSE
    return base.merge({name: _attribute(name, value) for name, value in values.items()})


def _attribute(name: str, value: Any) -> Any:
    """Return *value* in the applicant's form; text that is not a date stays, as a vendor may read it."""
    if value is None:
        return None
    if name in _DATES:
        if isinstance(value, dt.datetime):
            value = value.date()
        return value.isoformat() if isinstance(value, dt.date) else parse_date(_text(value)) or value
    if name == "same_address_as_id":
        if not isinstance(value, bool):
            raise FormError
        return value
    if name in {"height", "weight"}:
        return _integer(int(value) if isinstance(value, str) and value.isdecimal() else value)
    if isinstance(value, int) and not isinstance(value, bool):
        # YAML has dropped leading zeros or read them as octal, so a ZIP code that is not text is invalid.
        return None if name.endswith("zipcode") else str(value)
    return _text(value)


def _alerts(values: Any, default: DocAuthResult) -> tuple[Alert, ...]:
    """Return the alerts of a list; *default* where one names no result."""
    if values is None:
        return ()
    if not isinstance(values, list):
        raise FormError
    alerts = []
    for value in values:
        item = _only(_mapping(value), {"name", "result"})
        result = _doc_auth_result(item.get("result"))
        alerts.append(Alert(name=_text(item.get("name")), result=result or default))
    return tuple(alerts)


def _by_side(values: Any, keys: Mapping[str, str]) -> list[tuple[Side, dict[str, Any]]]:
    """Return a mapping by side, in any case of letters, to mappings of *keys*."""
    if values is None:
        return []
    found = []
    for name, value in _mapping(values).items():
        try:
            side = Side(name.lower())
        except ValueError:
            raise FormError from None
        item = _only(_mapping(value), keys)
        found.append((side, {key: entry for key, entry in item.items() if entry is not None}))
    return found


def _selfie(portrait: Mapping[str, Any]) -> SelfieCheck | None:
    """Return what the comparison came to; None when the form has none. Only a failed one has a message."""
    if not portrait:
        return None
    failed = _verdict(portrait.get("FaceMatchResult")) is False
    message = portrait.get("FaceErrorMessage")
    return selfie_check(("" if message is None else _text(message)) if failed else None)


def _http_status(values: Mapping[str, Any]) -> dict[str, int]:
    """Return the statuses to answer with."""
    section = _section(values, "http_status", _STATUS_KEYS)
    return {name: _integer(status) for name, status in section.items() if status is not None}


def _section(values: Mapping[str, Any], name: str, keys: Any) -> dict[str, Any]:
    """Return the mapping under *name*, empty when there is none."""
    value = values.get(name)
    return {} if value is None else _only(_mapping(value), keys)


def _mapping(value: Any) -> dict[str, Any]:
    """Return *value* as a mapping with text keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise FormError
    return value


def _only(values: dict[str, Any], keys: Any) -> dict[str, Any]:
    """Return *values*, which must have no other than these *keys*."""
    if not values.keys() <= set(keys):
        raise FormError
    return values


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise FormError
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise FormError
    return value


def _verdict(value: Any) -> bool | None:
    """Return a pass or fail in any case of letters; None when the form has none."""
    if value is None:
        return None
    passed = _PASS_OR_FAIL.get(_text(value).lower())
    if passed is None:
        raise FormError
    return passed


def _assurance(value: Any) -> Assurance:
    """Return how far the document was checked: all the way, unless the form says otherwise."""
    try:
        return Assurance.AUTHENTICATED if value is None else Assurance(_text(value))
    except ValueError:
        raise FormError from None


def _outcome(value: Any) -> Outcome | None:
    """Return what the whole comes to; None when the form does not say."""
    if value is not None and _text(value).lower() == Outcome.REVIEW:
        return Outcome.REVIEW
    passed = _verdict(value)
    return None if passed is None else Outcome.PASSED if passed else Outcome.FAILED


def _doc_auth_result(value: Any) -> DocAuthResult | None:
    """Return the vendor's verdict; None when the form has none."""
    if value is None:
        return None
    try:
        return DocAuthResult(_text(value))
    except ValueError:
        raise FormError from None
