"""The selfie: what is a match, and what is not."""

import pytest
from tests.plugins.vendors.aws_identity.answers import (
    FACE,
    LICENSE,
    MATCH,
    NO_MATCH,
    REKOGNITION,
    SECTION,
    TEXTRACT,
    analyzed,
    ask,
    refusal,
    vendor,
)

from proofing.base.errors import Cause, VendorError
from proofing.contracts.images import Image, Side
from proofing.contracts.results import FindingCode, Outcome, SelfieCheck
from proofing.testing.vendor_checks import caused_by

#: More than Rekognition takes, and less than Textract does.
LARGE = Image(b"\xff" * (5 * 1024 * 1024 + 1), "image/jpeg", 9, 9)


def similar(percent):
    """Return an answer with one face of that similarity."""
    return {**MATCH, "FaceMatches": [{"Similarity": percent, "Face": FACE}]}


@pytest.mark.parametrize(
    ("answer", "check", "reasons"),
    [
        (MATCH, SelfieCheck.MATCH, ("liveness_not_checked",)),
        (similar(99.0), SelfieCheck.MATCH, ("liveness_not_checked",)),
        (similar(98.9), SelfieCheck.NO_MATCH, ("face_mismatch",)),
        (NO_MATCH, SelfieCheck.NO_MATCH, ("face_mismatch",)),
        ({**MATCH, "FaceMatches": []}, SelfieCheck.NO_FACE, ("face_not_found",)),
        ({**MATCH, "UnmatchedFaces": [FACE]}, SelfieCheck.SEVERAL_FACES, ("several_faces",)),
        (refusal("InvalidParameterException"), SelfieCheck.BAD_QUALITY, ("face_not_found",)),
        (refusal("ImageTooLargeException"), SelfieCheck.BAD_QUALITY, ("selfie_unreadable",)),
        (refusal("InvalidImageFormatException"), SelfieCheck.BAD_QUALITY, ("selfie_unreadable",)),
    ],
)
async def test_comparisons(answer, check, reasons):
    """One similar face and nobody else is a match; only a match passes."""
    result, fake = await ask(vendor(analyzed(LICENSE), answer))
    assert (result.selfie, result.reasons) == (check, reasons)
    assert result.passed is (check is SelfieCheck.MATCH)
    assert [request.url.host for request in fake.requests] == [TEXTRACT, REKOGNITION]


async def test_the_code_of_a_refusal_is_logged():
    """Without AWS's text."""
    result, _fake = await ask(vendor(analyzed(LICENSE), refusal("InvalidParameterException")))
    assert result.vendor_codes == ("InvalidParameterException",)


@pytest.mark.parametrize("missing", ["SourceImageFace", "FaceMatches", "UnmatchedFaces"])
async def test_an_answer_that_lacks_a_list(missing):
    """A missing list is not an empty one."""
    answer = {name: value for name, value in MATCH.items() if name != missing}
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await ask(vendor(analyzed(LICENSE), answer))


async def test_no_comparison_where_nothing_was_read():
    """Nor is it paid for."""
    result, fake = await ask(vendor(analyzed(dict.fromkeys(LICENSE, ""))))
    assert (result.outcome, result.selfie) == (Outcome.FAILED, SelfieCheck.NOT_CHECKED)
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("name", "images", "selfie"),
    [
        ("aws_identity", (Side.FRONT, Side.SELFIE), True),
        ("aws_identity:selfie", (Side.FRONT,), True),
        ("aws_identity:selfie", (Side.FRONT, Side.SELFIE), False),
    ],
)
async def test_no_comparison_where_none_is_wanted_or_possible(name, images, selfie):
    """A face leaves this machine only for a comparison."""
    result, fake = await ask(vendor(analyzed(LICENSE)), name, images, selfie=selfie)
    assert result.selfie is SelfieCheck.NOT_CHECKED
    assert len(fake.requests) == 1


async def test_similarity_and_quality_are_settings():
    """They are sent, and the similarity is judged here as well."""
    section = {**SECTION, "min_similarity": 90.0, "face_quality": "high"}
    result, fake = await ask(vendor(analyzed(LICENSE), similar(90.0)), section=section)
    assert result.selfie is SelfieCheck.MATCH
    assert b'"SimilarityThreshold": 90.0' in fake.requests[1].content
    assert b'"QualityFilter": "HIGH"' in fake.requests[1].content


async def test_images_that_are_too_large_for_either_service():
    """A finding, before anything is sent or paid."""
    images = dict.fromkeys((Side.FRONT, Side.SELFIE), LARGE)
    result, fake = await ask(vendor(analyzed(LICENSE)), images=images)
    assert [(finding.code, finding.side) for finding in result.findings] == [
        (FindingCode.IMAGE_SIZE, Side.FRONT),
        (FindingCode.IMAGE_SIZE, Side.SELFIE),
    ]
    assert (fake.requests, result.billed, result.outcome) == ([], False, Outcome.FAILED)
    alone, fake = await ask(vendor(analyzed(LICENSE)), "aws_identity", {Side.FRONT: LARGE})
    assert alone.passed
    assert len(fake.requests) == 1
