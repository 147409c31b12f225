"""Answers of Textract and Rekognition, made by hand with invented values, and the vendor that gives them."""

import json
import struct

import httpx

from proofing.contracts.applicant import ACCEPTED_TYPES
from proofing.contracts.circumstances import Wanted
from proofing.contracts.images import Side
from proofing.contracts.proofers import ProofingRequest
from proofing.rules.image_check import inspect_image
from proofing.testing.images import make_jpeg
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process, open_proofer
from proofing.testing.vendor_fakes import ask as ask_proofer
from proofing_aws_identity import AWSIdentitySettings, proofing_proofers

SECTION = {
    "region": "us-east-1",
    "access_key_id": "AKIDEXAMPLE000000001",
    "secret_access_key": "an-invented-secret-of-forty-characters-0",
}
TEXTRACT, REKOGNITION = "textract.us-east-1.amazonaws.com", "rekognition.us-east-1.amazonaws.com"
REQUEST_ID = "2f8b1c64-0000-4000-8000-000000000001"

#: Field to its text, its confidence where it is not 98.5, and its normalized date.
LICENSE = {
    "FIRST_NAME": "FAKEY",
    "LAST_NAME": "MCFAKERSON",
    "MIDDLE_NAME": "",
    "SUFFIX": "JR",
    "CITY_IN_ADDRESS": "GREAT FALLS",
    "ZIP_CODE_IN_ADDRESS": "59010",
    "STATE_IN_ADDRESS": "MT",
    "STATE_NAME": "MONTANA",
    "DOCUMENT_NUMBER": "1111111111111",
    "EXPIRATION_DATE": ("12/31/2099", "2099-12-31T00:00:00"),
    "DATE_OF_BIRTH": ("10/06/1938", "1938-10-06T00:00:00"),
    "DATE_OF_ISSUE": ("12/31/2019", "2019-12-31T00:00:00"),
    "ID_TYPE": "DRIVER LICENSE FRONT",
    "ENDORSEMENTS": "NONE",
    "VETERAN": "",
    "RESTRICTIONS": "NONE",
    "CLASS": "D",
    "ADDRESS": "1 FAKE RD",
    "COUNTY": "",
    "PLACE_OF_BIRTH": "",
    "MRZ_CODE": "",
}
#: The zone's numbers and check digits go with the page above it.
ZONE = "P<USAMCFAKERSON<<FAKEY<JR<<<<<<<<<<<<<<<<<<<\n9000000003USA3810062M9912315<<<<<<<<<<<<<<02"
PASSPORT = {
    "FIRST_NAME": "FAKEY",
    "LAST_NAME": "MCFAKERSON",
    "DOCUMENT_NUMBER": "900000000",
    "EXPIRATION_DATE": ("31 DEC 2099", "2099-12-31T00:00:00"),
    "DATE_OF_BIRTH": ("06 OCT 1938", "1938-10-06T00:00:00"),
    "DATE_OF_ISSUE": ("31 DEC 2019", "2019-12-31T00:00:00"),
    "ID_TYPE": "PASSPORT",
    "PLACE_OF_BIRTH": "MONTANA, U.S.A.",
    "MRZ_CODE": ZONE,
}
FACE = {
    "BoundingBox": {"Width": 0.2, "Height": 0.3, "Left": 0.1, "Top": 0.25},
    "Confidence": 99.97,
    "Quality": {"Brightness": 71.5, "Sharpness": 92.2},
}
MATCH = {"SourceImageFace": FACE, "FaceMatches": [{"Similarity": 99.6, "Face": FACE}], "UnmatchedFaces": []}
NO_MATCH = {"SourceImageFace": FACE, "FaceMatches": [], "UnmatchedFaces": [FACE]}


def field(name, value, confidence=98.5):
    """Return one field; *value* is a text, or a text and its normalized date."""
    text, date = value if isinstance(value, tuple) else (value, None)
    normalized = {"NormalizedValue": {"Value": date, "ValueType": "Date"}} if date else {}
    return {
        "Type": {"Text": name},
        "ValueDetection": {"Text": text, "Confidence": confidence, **normalized},
    }


def analyzed(fields, confidences=(), **changes):
    """Return what AnalyzeID answers; *confidences* are those of fields the vendor is less sure of."""
    confidences = dict(confidences)
    listed = [
        field(name, value, confidences.get(name, 98.5)) for name, value in {**fields, **changes}.items()
    ]
    return {
        "IdentityDocuments": [{"DocumentIndex": 1, "IdentityDocumentFields": listed}],
        "DocumentMetadata": {"Pages": 1},
        "AnalyzeIDModelVersion": "1.0",
    }


def response(body, status=200):
    """Return a body as the JSON protocol of AWS carries it."""
    headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": REQUEST_ID}
    return httpx.Response(status, headers=headers, content=json.dumps(body).encode())


def refusal(code, status=400):
    """Return an error as the JSON protocol carries it."""
    return response({"__type": code, "message": "FAKEY MCFAKERSON is not an image"}, status)


def vendor(document, comparison=MATCH):
    """Return a function that answers both services; an answer may be a whole response."""

    def answer(request):
        body = document if request.url.host == TEXTRACT else comparison
        return body if isinstance(body, httpx.Response) else response(body)

    return answer


def cbor(value):
    """Return *value* as CBOR: RFC 8949, as far as answers need it."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())
    return _head(4, len(value)) + b"".join(map(cbor, value))


def _head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    size, head = next(pair for pair in ((1, 24), (2, 25), (4, 26)) if number < 256 ** pair[0])
    return bytes([major << 5 | head]) + number.to_bytes(size, "big")


async def ask(answer, name="aws_identity:selfie", images=None, section=SECTION, *, selfie=True, **options):
    """Ask a proofer about *images*, front, back and selfie by default; return its result and the vendor."""
    descriptor = next(one for one in proofing_proofers() if one.name == name)
    settings = AWSIdentitySettings.model_validate(section)
    fake = FakeVendor(answer)
    context = make_context(fake, descriptor, settings, **options)
    proofer = descriptor.make(settings, make_process())
    await open_proofer(proofer, context)
    images = images or (Side.FRONT, Side.BACK, Side.SELFIE)
    if not isinstance(images, dict):
        images = {side: inspect_image(make_jpeg(comment=side.encode())) for side in images}
    request = ProofingRequest(images=images, wanted=Wanted(document_types=ACCEPTED_TYPES, selfie=selfie))
    return await ask_proofer(proofer, request, context), fake
