"""`proofing vendor try`: one question to one vendor product, or one message by a messenger.

What was sent and what came back is printed, redacted.

Of bodies the names and the form are shown, never a value: both sides hold personal data and credentials.
"""

import argparse
import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from proofing.base.errors import ConfigurationError, ImageError, Problem, os_error_reason
from proofing.base.strict_xml import parse_xml
from proofing.base.strict_yaml import parse_yaml
from proofing.bootstrap import configure, make_clients
from proofing.cli.startup import start_logs
from proofing.cli.trial_message import make_message
from proofing.contracts.applicant import (
    ACCEPTED_TYPES,
    ATTRIBUTES,
    Applicant,
    parse_date,
    parse_phone,
    parse_ssn,
    parse_zipcode,
)
from proofing.contracts.bodies import StreamedBody
from proofing.contracts.circumstances import CIRCUMSTANCES, Circumstances, Wanted
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import ProoferDescriptor, ProofingRequest
from proofing.contracts.results import (
    Check,
    DocumentResult,
    PassportResult,
    PhoneResult,
    ProoferKind,
    ResolutionResult,
    StateIDResult,
    VendorResult,
)
from proofing.jobs.questions import Waiting
from proofing.jobs.trying import try_vendor
from proofing.outbound.transport import ObservedCall
from proofing.registry.proofers import LoadedProofer
from proofing.rules.assurance import assess
from proofing.rules.documents import judge_document
from proofing.rules.evidence import (
    document_evidence,
    evidence_codes,
    passport_evidence,
    phone_evidence,
    resolution_evidence,
)
from proofing.rules.image_check import inspect_image
from proofing.settings import Settings

_MOST_ITEMS = 3
#: Parts of a path with that many digits may be numbers of a person or of an account.
_NUMBERS = re.compile(r"\d.*\d.*\d.*\d", re.DOTALL)
#: Attribute to what reads it, for those with a form of their own.
_FORMS = {
    "dob": parse_date,
    "ssn": parse_ssn,
    "phone": parse_phone,
    "zipcode": parse_zipcode,
    "state_id_issued": parse_date,
    "state_id_expiration": parse_date,
    "passport_issued": parse_date,
    "passport_expiration": parse_date,
}
_TYPES: Mapping[str, type] = {"height": int, "weight": int, "same_address_as_id": bool}


async def try_one(options: argparse.Namespace) -> int:
    """Ask, and print the normalized result, the calls and their times; 0 with an answer, 1 without."""
    configuration = await configure(role="cli")
    start_logs(configuration, "cli")
    loaded = _proofer(configuration.plugins.proofers, options.name, options.kind)
    request = _read_request(Path(options.applicant), loaded.descriptor)
    if loaded.descriptor.kind is ProoferKind.MESSENGER:
        file, phone = Path(options.applicant).name, request.applicant.phone
        request = ProofingRequest(message=make_message(loaded, phone, file, options.channel))
    calls: list[ObservedCall] = []
    started = time.perf_counter()
    clients = make_clients(configuration.settings, observe=calls.append)
    try:
        found = await try_vendor(loaded, request, clients, configuration.settings)
        seconds = time.perf_counter() - started
    finally:
        await clients.close()
    report = {
        "vendor": loaded.descriptor.name,
        "kind": loaded.descriptor.kind.value,
        **_describe(found),
        **_describe_evidence(found, request, loaded.descriptor, configuration.settings),
        "seconds": round(seconds, 3),
        "calls": [_describe_call(call) for call in calls],
    }
    if options.json:
        print(json.dumps(report))
    else:
        _print(report)
    return 0 if isinstance(found, Waiting) or found.error is None else 1


def _proofer(
    proofers: Mapping[tuple[ProoferKind, str], LoadedProofer], name: str, kind: str | None
) -> LoadedProofer:
    """Return the proofer or messenger of an enabled plugin. Raises `ConfigurationError`."""
    found = [one for one in proofers.values() if one.descriptor.name == name]
    if kind is not None:
        found = [one for one in found if one.descriptor.kind == kind]
    if not found:
        known = ", ".join(sorted({one.descriptor.name for one in proofers.values()})) or "none"
        rule = f"no enabled plugin offers it; there are: {known}"
    elif len(found) > 1:
        rule = (
            f"answers several kinds; add --kind {' or '.join(sorted(one.descriptor.kind for one in found))}"
        )
    else:
        return found[0]
    raise ConfigurationError([Problem("command line", name, rule)])


def _read_request(path: Path, descriptor: ProoferDescriptor) -> ProofingRequest:
    """Return the question that the file describes. Raises `ConfigurationError`."""
    try:
        values = parse_yaml(path.read_bytes(), path.name)
    except OSError as error:
        raise ConfigurationError([Problem("command line", "--applicant", os_error_reason(error))]) from None
    problems: list[Problem] = []
    images = values.pop("images", {})
    circumstances = values.pop("circumstances", {})
    known: dict[str, Any] = {}
    for name, value in values.items():
        rule = _rule_for(name, value)
        if rule:
            problems.append(Problem(path.name, name, rule))
        else:
            known[name] = _FORMS[name](value) if name in _FORMS else value
    opened: dict[Side, Image] = {}
    for side, file in images.items() if isinstance(images, dict) else ():
        try:
            content = (path.parent / str(file)).read_bytes()
            opened[Side(side)] = inspect_image(content, allow_yaml=descriptor.accepts_test_documents)
        except ValueError:
            rule = f"must be one of {', '.join(Side)}"
            problems.append(Problem(path.name, f"images.{side}", rule))
        except OSError as error:
            problems.append(Problem(path.name, f"images.{side}", os_error_reason(error)))
        except ImageError as error:
            problems.append(Problem(path.name, f"images.{side}", f"is refused as {error.code}"))
    given = circumstances if isinstance(circumstances, dict) else {"circumstances": None}
    problems += [
        Problem(path.name, f"circumstances.{name}", f"must be one of {', '.join(CIRCUMSTANCES)}")
        for name in given
        if name not in CIRCUMSTANCES
    ]
    if problems:
        raise ConfigurationError(problems)
    moment = datetime.now(UTC)
    around = replace(Circumstances(consented_at=moment, locale="en", attempt_number=1), **given)
    return ProofingRequest(
        applicant=Applicant(**known),
        images=opened,
        wanted=Wanted(document_types=ACCEPTED_TYPES, selfie=descriptor.needs_selfie),
        circumstances=around,
    )


def _rule_for(name: str, value: object) -> str | None:
    """Return what is wrong with an attribute of the file, or None."""
    if name not in ATTRIBUTES:
        return "is no attribute of an applicant; see docs/reference/applicant.md"
    wanted = _TYPES.get(name, str)
    if type(value) is not wanted:
        words = {str: "a text: put it in quotes", int: "a whole number", bool: "true or false"}
        return f"must be {words[wanted]}"
    if name in _FORMS and isinstance(value, str) and _FORMS[name](value) is None:
        return "does not have the form of one; see docs/reference/applicant.md"
    return None


def _describe(found: Check[VendorResult] | Waiting) -> dict[str, Any]:
    """Return what came of the question, without personal data."""
    if isinstance(found, Waiting):
        pending = found.pending
        return {
            "outcome": "pending",
            "continues": type(pending.then).__name__.lower(),
            "expires_at": pending.expires_at.isoformat(timespec="seconds"),
        }
    if found.error is not None:
        error = found.error
        return {
            "outcome": "no answer",
            "cause": error.cause.value,
            "says": str(error),
            "vendor_codes": list(error.codes),
            "transaction_id": error.transaction_id,
            "billed": error.billed,
            "retry_after": error.retry_after,
        }
    assert found.result is not None  # noqa: S101 - of an asked question there is one or the other
    result = found.result
    facts: dict[str, Any] = {
        "outcome": result.outcome.value,
        "reasons": list(result.reasons),
        "vendor_codes": list(result.vendor_codes),
        "attributes": {name: match.value for name, match in sorted(result.attributes.items())},
        "transaction_id": result.transaction_id,
        "vendor_workflow": result.vendor_workflow,
        "billed": result.billed,
    }
    if isinstance(result, DocumentResult):
        read = result.applicant.reveal() if result.applicant else {}
        facts |= {
            "assurance": result.assurance.value,
            "document_type": result.document_type.value if result.document_type else None,
            "read": sorted(read),
            "findings": [
                ":".join((one.code, one.side or "", one.vendor_code or "")) for one in result.findings
            ],
            "selfie": result.selfie.value,
            "inspection": {name: str(value) for name, value in asdict(result.inspection).items() if value},
        }
    else:
        own = {"vendor_name", "outcome", "attributes", "reasons", "vendor_codes", "reference", *facts}
        facts |= {
            name: sorted(value) if isinstance(value, set | frozenset) else value
            for name, value in asdict(result).items()
            if name not in own
        }
    return facts


def _describe_evidence(
    found: Check[VendorResult] | Waiting,
    request: ProofingRequest,
    descriptor: ProoferDescriptor,
    settings: Settings,
) -> dict[str, Any]:
    """Return what the answer is worth by itself; nothing for a device, or without an answer."""
    result = None if isinstance(found, Waiting) else found.result
    vouched = descriptor.name in settings.assurance_vendors
    if isinstance(result, DocumentResult):
        verdict = judge_document(
            result,
            fingerprints={},
            now=datetime.now(UTC),
            min_age_years=settings.idv_min_age_years,
            selfie_required=descriptor.needs_selfie,
            requires=settings.document_requires,
        )
        evidence = document_evidence(result, verdict, vouched=vouched)
    elif isinstance(result, ResolutionResult):
        evidence = resolution_evidence(request.applicant, result, None, passed=result.passed, vouched=vouched)
    elif isinstance(result, StateIDResult):
        evidence = resolution_evidence(request.applicant, None, result, passed=result.passed, vouched=vouched)
    elif isinstance(result, PassportResult):
        evidence = passport_evidence(result)
    elif isinstance(result, PhoneResult):
        evidence = phone_evidence(result, vouched=vouched)
    else:
        return {}
    judged = assess(evidence)
    return {
        "vouched_for": vouched,
        "evidence": evidence_codes(evidence),
        "alone": judged.summary,
        "lacks": [missing.code for missing in judged.missing],
    }


def _describe_call(call: ObservedCall) -> dict[str, Any]:
    """Return one call, with names and forms in place of values."""
    parts = [f"<{len(part)} characters>" if _NUMBERS.search(part) else part for part in call.path.split("/")]
    body = b"".join(call.content) if isinstance(call.content, StreamedBody) else call.content
    facts: dict[str, Any] = {
        "method": call.method,
        "url": f"{call.host}{'/'.join(parts)}",
        "seconds": round(call.seconds, 3),
        "request_headers": sorted(call.headers),
        "request": _form(body or b"", call.headers.get("content-type", "")),
        "status": None,
    }
    if call.response is not None:
        facts |= {
            "status": call.response.status,
            "response_type": call.response.content_type,
            "response": _form(call.response.content, call.response.content_type),
        }
    return facts


def _form(body: bytes, content_type: str) -> Any:
    """Return the form of a body: names, and in place of each value its type and length."""
    if not body:
        return None
    try:
        if "json" in content_type:
            return _shape(json.loads(body))
        if "xml" in content_type:
            return _element_shape(parse_xml(body))
        if "form-urlencoded" in content_type:
            return {name: _shape(value) for name, value in parse_qsl(body.decode(), strict_parsing=True)}
    except (ValueError, RecursionError):
        return f"<{len(body)} bytes, not {content_type}>"
    return f"<{len(body)} bytes>"


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _shape(item) for name, item in value.items()}
    if isinstance(value, list):
        shown = [_shape(item) for item in value[:_MOST_ITEMS]]
        return [*shown, f"<{len(value) - _MOST_ITEMS} more>"] if len(value) > _MOST_ITEMS else shown
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    return value if value is None or isinstance(value, bool) else "<number>"


def _element_shape(element: Any) -> Any:
    inner = [{child.tag.rpartition("}")[2]: _element_shape(child)} for child in element]
    return inner or _shape(element.text or "")


def _print(report: Mapping[str, Any]) -> None:
    """Print for people: the result first, then each call."""
    calls = report["calls"]
    for name, value in report.items():
        if name != "calls" and value not in (None, [], {}):
            print(f"{name:<16} {_words(value)}")
    for call in calls:
        print(f"\n{call['method']} {call['url']}: {call['status'] or 'no answer'} in {call['seconds']} s")
        print(f"  headers: {', '.join(call['request_headers'])}")
        for part in ("request", "response"):
            if call.get(part) is not None:
                text = json.dumps(call[part], indent=2).replace("\n", "\n    ")
                print(f"  {part}:\n    {text}")


def _words(value: Any) -> str:
    """Return a value of the result in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
