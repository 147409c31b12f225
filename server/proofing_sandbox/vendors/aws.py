"""AnalyzeID of Textract, CompareFaces of Rekognition, and messages of End User Messaging; all with SigV4."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import cbor2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from proofing_sandbox.inputs import Verdict, judge_message
from proofing_sandbox.play import Play, answer_without, body_of
from proofing_sandbox.specimen import specimen

ANALYZE_ID = "aws_identity:analyze_id"
COMPARE_FACES = "aws_identity:compare_faces"
SEND_TEXT = "aws_identity:send_text"
SEND_VOICE = "aws_identity:send_voice"
PRODUCTS = frozenset({ANALYZE_ID, COMPARE_FACES, SEND_TEXT, SEND_VOICE})
_POOL = "pool-00000000000000000000000000000000"
_NUMBER = "+12025550100"
_KEY_ID = "AKIASANDBOX000000000"
_SECRET = "sandbox-aws-secret-0123456789"  # noqa: S105 - published, worth nothing elsewhere
_REGION = "us-east-1"
_OPERATIONS = {
    "Textract.AnalyzeID": ANALYZE_ID,
    "RekognitionService.CompareFaces": COMPARE_FACES,
    "PinpointSMSVoiceV2.SendTextMessage": SEND_TEXT,
    "PinpointSMSVoiceV2.SendVoiceMessage": SEND_VOICE,
}
_SERVICES = {
    ANALYZE_ID: "textract",
    COMPARE_FACES: "rekognition",
    SEND_TEXT: "sms-voice",
    SEND_VOICE: "sms-voice",
}
_PHONE = re.compile(r"\+?[1-9][0-9]{1,18}", re.ASCII)
#: Why a message is refused: error and reason.
_REFUSED: Mapping[str, tuple[str, str | None]] = {
    "opted_out": ("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"),
    "unreachable": ("ConflictException", "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE"),
}
_CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/([0-9]{8})/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
    re.ASCII,
)
_MOST_SECONDS = 15 * 60
_BOX = {"Height": 0.4, "Left": 0.3, "Top": 0.2, "Width": 0.3}


def settings(url: str) -> Mapping[str, Any]:
    """Return the section of the adapter."""
    return {
        "aws_identity": {
            "access_key_id": _KEY_ID,
            "messaging_endpoint_url": url,
            "region": _REGION,
            "rekognition_endpoint_url": url,
            "secret_access_key": _SECRET,
            "text_from": _POOL,
            "textract_endpoint_url": url,
            "voice_from": _NUMBER,
        }
    }


def routes(play: Play) -> Sequence[BaseRoute]:
    """Return the addresses of all: one for JSON, with the call in a header, and one a call for CBOR."""

    async def call(request: Request) -> Response:
        wire = _JSON if request.url.path == "/" else _CBOR
        target = request.headers.get("x-amz-target", "")
        if wire is _CBOR:
            target = "{service}.{operation}".format(**request.path_params)
        product = _OPERATIONS.get(target)
        if product is None:
            return _error(wire, 400, "UnknownOperationException", "")
        body = await body_of(request)
        if _SERVICES[product] == "sms-voice":
            return await play.answer(product, lambda verdict: _send(product, request, body, verdict, play))
        return await play.answer(product, lambda verdict: _call(product, wire, request, body, verdict))

    return [
        Route("/", call, methods=["POST"]),
        Route("/service/{service}/operation/{operation}", call, methods=["POST"]),
    ]


async def _call(
    product: str, wire: "_Wire", request: Request, body: bytes, verdict: Verdict | None
) -> Response:
    """Answer one call."""
    name = _signature_problem(request, body, _SERVICES[product])
    if name:
        return _error(wire, 400, name, "The request signature we calculated does not match.")
    try:
        values = wire.read(body)
        name = _images_problem(product, wire, values)
    except (ValueError, KeyError, TypeError):
        name = "InvalidParameterException"
    if name:
        return _error(wire, 400, name, "The request has invalid parameters.")
    verdict = verdict or Verdict.PASSED
    if verdict is Verdict.SOURCE_TIMEOUT:
        return _error(wire, 400, "ThrottlingException", "Rate exceeded")
    without = await answer_without(verdict)
    if without is not None:
        return without
    found = (
        _analyze(len(values["DocumentPages"]), verdict)
        if product == ANALYZE_ID
        else _compare(values, verdict)
    )
    return wire.answer(found, 200)


async def _send(product: str, request: Request, body: bytes, verdict: Verdict | None, play: Play) -> Response:
    """Take a message, or refuse it."""
    name = _signature_problem(request, body, _SERVICES[product])
    if name:
        return _error(_JSON_1_0, 400, name, "The request signature we calculated does not match.")
    try:
        values = _JSON_1_0.read(body)
        refused = _message_problem(values)
    except (ValueError, KeyError, TypeError):
        refused = ("ValidationException", "MISSING_PARAMETER")
    if refused is None:
        is_call = product == SEND_VOICE
        number = values["DestinationPhoneNumber"]
        judged, why = judge_message(number, is_call=is_call, chosen=verdict)
        without = await answer_without(judged)
        if without is not None:
            return without
        if judged is Verdict.SOURCE_TIMEOUT:
            refused = ("ThrottlingException", None)
        elif judged is Verdict.FAILED:
            refused = _REFUSED[why or "opted_out"]
    if refused is not None:
        kind, reason = refused
        return _error(_JSON_1_0, 400, kind, "The message was not taken.", reason)
    channel, text = "voice" if is_call else "text", values["MessageBody"]
    play.phone.append({"vendor": "aws_identity", "channel": channel, "to": number, "text": text})
    return _JSON_1_0.answer({"MessageId": str(uuid.uuid4())}, 200)


def _message_problem(values: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Return error and reason of what is wrong with a message. Raises KeyError or TypeError."""
    number, text = values["DestinationPhoneNumber"], values["MessageBody"]
    if not (_PHONE.fullmatch(number) and text.strip()):
        return "ValidationException", "FIELD_VALIDATION_FAILED"
    if values["OriginationIdentity"] not in {_POOL, _NUMBER}:
        return "ResourceNotFoundException", None
    return None


def _images_problem(product: str, wire: "_Wire", values: Mapping[str, Any]) -> str | None:
    """Return the error that the images of a request have. Raises ValueError, KeyError or TypeError."""
    if product == ANALYZE_ID:
        images, most = values["DocumentPages"], 10 * 1024 * 1024
        too_large = "DocumentTooLargeException"
        if not 1 <= len(images) <= 2:  # noqa: PLR2004 - front and back
            return "InvalidParameterException"
    else:
        images, most = [values["SourceImage"], values["TargetImage"]], 5 * 1024 * 1024
        too_large = "ImageTooLargeException"
    return too_large if max(len(wire.bytes_of(image["Bytes"])) for image in images) > most else None


def _analyze(pages: int, verdict: Verdict) -> dict[str, Any]:
    """Return what is read from a license; with a no nothing, with a review nothing that is sure."""
    person = specimen()
    texts = {
        "FIRST_NAME": person.first_name,
        "LAST_NAME": person.last_name,
        "MIDDLE_NAME": person.middle_name,
        "SUFFIX": "",
        "CITY_IN_ADDRESS": person.city,
        "ZIP_CODE_IN_ADDRESS": person.zipcode,
        "STATE_IN_ADDRESS": person.state,
        "STATE_NAME": person.state_name,
        "DOCUMENT_NUMBER": person.license_number,
        "EXPIRATION_DATE": _slashed(person.expires),
        "DATE_OF_BIRTH": _slashed(person.dob),
        "DATE_OF_ISSUE": _slashed(person.issued),
        "ID_TYPE": "DRIVER LICENSE FRONT",
        "ENDORSEMENTS": "NONE",
        "VETERAN": "",
        "RESTRICTIONS": "NONE",
        "CLASS": "D",
        "ADDRESS": person.address1,
        "COUNTY": "",
        "PLACE_OF_BIRTH": "",
        "MRZ_CODE": "",
    }
    dates = {
        "EXPIRATION_DATE": person.expires,
        "DATE_OF_BIRTH": person.dob,
        "DATE_OF_ISSUE": person.issued,
    }
    if verdict is Verdict.FAILED:
        texts, dates = dict.fromkeys(texts, ""), {}
    sure = 12.5 if verdict is Verdict.REVIEW else 98.5
    fields = []
    for name, text in texts.items():
        value: dict[str, Any] = {"Text": text, "Confidence": sure if text else 99.0}
        if name in dates:
            value["NormalizedValue"] = {"Value": f"{dates[name]}T00:00:00", "ValueType": "Date"}
        fields.append({"Type": {"Text": name}, "ValueDetection": value})
    return {
        "AnalyzeIDModelVersion": "1.0",
        "DocumentMetadata": {"Pages": pages},
        "IdentityDocuments": [{"DocumentIndex": 1, "IdentityDocumentFields": fields}],
    }


def _compare(values: Mapping[str, Any], verdict: Verdict) -> dict[str, Any]:
    """Return a match; with a no another face, with a review one that is hardly like it."""
    similarity = 61.0 if verdict is Verdict.REVIEW else 99.2
    threshold = values.get("SimilarityThreshold", 80)
    face = {
        "BoundingBox": _BOX,
        "Confidence": 99.9,
        "Landmarks": [],
        "Pose": {"Pitch": 0.1, "Roll": 0.1, "Yaw": 0.1},
        "Quality": {"Brightness": 80.0, "Sharpness": 90.0},
    }
    is_match = verdict is not Verdict.FAILED and similarity >= threshold
    return {
        "SourceImageFace": {"BoundingBox": _BOX, "Confidence": 99.9},
        "FaceMatches": [{"Face": face, "Similarity": similarity}] if is_match else [],
        "UnmatchedFaces": [] if is_match else [face],
    }


def _signature_problem(request: Request, body: bytes, service: str) -> str | None:
    """Return the error that a request's signature has, or None for a right one."""
    match = _CREDENTIAL.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        return "MissingAuthenticationTokenException"
    key_id, day, region, given_service, names, signature = match.groups()
    moment = request.headers.get("x-amz-date", "")
    try:
        at = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return "IncompleteSignatureException"
    if abs((datetime.now(UTC) - at).total_seconds()) > _MOST_SECONDS:
        return "InvalidSignatureException"
    if key_id != _KEY_ID:
        return "UnrecognizedClientException"
    if given_service != service or not {"host", "x-amz-date"} <= set(names.split(";")):
        return "InvalidSignatureException"
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names.split(";")
    )
    path = urlsplit(str(request.url)).path or "/"
    digest = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n{path}\n\n{headers}\n{names}\n{digest}"
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{_SECRET}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return None if hmac.compare_digest(expected, signature) else "InvalidSignatureException"


def _slashed(iso_date: str) -> str:
    year, month, day = iso_date.split("-")
    return f"{month}/{day}/{year}"


class _Wire(Protocol):
    """One wire protocol."""

    def read(self, body: bytes) -> Mapping[str, Any]:
        """Return what a body holds. Raises ValueError."""

    def bytes_of(self, value: Any) -> bytes:
        """Return bytes within a body. Raises ValueError or TypeError."""

    def answer(self, values: Mapping[str, Any], status: int) -> Response:
        """Return *values* as an answer."""


class _Json:
    """JSON, in a version: Rekognition speaks 1.1, End User Messaging 1.0."""

    def __init__(self, version: str) -> None:
        self._type = f"application/x-amz-json-{version}"

    def read(self, body: bytes) -> Mapping[str, Any]:
        """Return what a body holds."""
        found: Mapping[str, Any] = json.loads(body)
        return found

    def bytes_of(self, value: Any) -> bytes:
        """Return bytes, which are in base64."""
        return base64.b64decode(value, validate=True)

    def answer(self, values: Mapping[str, Any], status: int) -> Response:
        """Return *values* as an answer."""
        return Response(json.dumps(values).encode(), status, _request_id(), self._type)


class _Cbor:
    """Smithy RPC v2 in CBOR, which Textract speaks since its model of 2026."""

    def read(self, body: bytes) -> Mapping[str, Any]:
        """Return what a body holds."""
        found: Mapping[str, Any] = cbor2.loads(body)
        return found

    def bytes_of(self, value: Any) -> bytes:
        """Return bytes."""
        if not isinstance(value, bytes):
            raise TypeError
        return value

    def answer(self, values: Mapping[str, Any], status: int) -> Response:
        """Return *values* as an answer."""
        headers = {**_request_id(), "smithy-protocol": "rpc-v2-cbor"}
        return Response(cbor2.dumps(values), status, headers, "application/cbor")


_JSON, _JSON_1_0, _CBOR = _Json("1.1"), _Json("1.0"), _Cbor()


def _request_id() -> dict[str, str]:
    return {"x-amzn-RequestId": secrets.token_hex(16)}


def _error(wire: _Wire, status: int, kind: str, text: str, reason: str | None = None) -> Response:
    """Return a refusal in the form of AWS."""
    why = {} if reason is None else {"Reason": reason}
    return wire.answer({"__type": kind, "message": text, **why}, status)
