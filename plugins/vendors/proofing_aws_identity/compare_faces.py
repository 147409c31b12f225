"""Rekognition CompareFaces: whether the selfie shows the face of the document's portrait.

Its model is botocore's ``rekognition/2016-06-27``. Of several faces on the document, such as a portrait and
its ghost image, Rekognition takes the largest. It does not check that somebody is there in person.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from proofing.plugin import SelfieCheck
from proofing_aws_identity.calls import RefusedError, call

#: The model's ``ImageBlob``.
MAX_BYTES = 5 * 1024 * 1024
#: Also what it answers when an image has no face: the parameters are ours, and right.
_NO_FACE = "InvalidParameterException"
_REFUSALS = frozenset({_NO_FACE, "ImageTooLargeException", "InvalidImageFormatException"})


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True)


class Face(_Answer):
    """A face that was found."""

    confidence: float = Field(alias="Confidence", ge=0, le=100, allow_inf_nan=False)


class FaceMatch(_Answer):
    """A face of the selfie that is similar to that of the document."""

    similarity: float = Field(alias="Similarity", ge=0, le=100, allow_inf_nan=False)
    face: Face = Field(alias="Face")


class CompareFacesAnswer(_Answer):
    """The faces of the selfie, each in one of two lists."""

    source: Face = Field(alias="SourceImageFace")
    matches: list[FaceMatch] = Field(alias="FaceMatches")
    unmatched: list[Face] = Field(alias="UnmatchedFaces")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a comparison came to, and why where that needs a reason."""

    selfie: SelfieCheck
    reason: str | None = None
    vendor_code: str | None = None
    transaction_id: str | None = None


def compare(
    client: Any, document: bytes, selfie: bytes, *, min_similarity: float, quality: str, vendor_name: str
) -> Comparison:
    """Compare the largest face of *document* with that of *selfie*; both are what stands for them in a call.

    Raises:
        VendorError: no answer.
    """
    parameters = {
        "SourceImage": {"Bytes": document},
        "TargetImage": {"Bytes": selfie},
        "SimilarityThreshold": min_similarity,
        "QualityFilter": quality.upper(),
    }
    try:
        answer, request_id = call(
            client.compare_faces,
            parameters,
            CompareFacesAnswer,
            vendor_name=vendor_name,
            refusals=_REFUSALS,
        )
    except RefusedError as refused:
        return Comparison(
            selfie=SelfieCheck.BAD_QUALITY,
            reason="face_not_found" if refused.code == _NO_FACE else "selfie_unreadable",
            vendor_code=refused.code,
            transaction_id=refused.request_id,
        )
    check, reason = _judge(answer, min_similarity)
    return Comparison(selfie=check, reason=reason, transaction_id=request_id)


def _judge(answer: CompareFacesAnswer, min_similarity: float) -> tuple[SelfieCheck, str | None]:
    """Return what *answer* comes to: a match needs one face, and no other."""
    if not (answer.matches or answer.unmatched):
        return SelfieCheck.NO_FACE, "face_not_found"
    if len(answer.matches) + len(answer.unmatched) > 1:
        return SelfieCheck.SEVERAL_FACES, "several_faces"
    if answer.matches and answer.matches[0].similarity >= min_similarity:
        return SelfieCheck.MATCH, None
    return SelfieCheck.NO_MATCH, "face_mismatch"
