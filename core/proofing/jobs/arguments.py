"""What is sealed into a job, and the conclusion it comes to.

Version 1 of the arguments; a worker ends a message of another version as `EndState.UNREADABLE`.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from proofing.base.errors import EncryptionError
from proofing.contracts.applicant import Applicant, DocumentType
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.ends import NOTHING, Found
from proofing.contracts.images import Side, UploadedImage
from proofing.contracts.job_results import AnyJobResult, DocumentJobResult, ResolutionJobResult
from proofing.contracts.messages import Message
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import CheckState, Outcome
from proofing.contracts.selfies import SelfieChoice
from proofing.jobs.notes import Note
from proofing.jobs.questions import QuestionLog

ArgumentsT = TypeVar("ArgumentsT", "CodeArguments", "DocumentArguments", "PIIArguments")

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DocumentArguments:
    """Arguments of a document job.

    Attributes:
        encryption_key: 32 bytes, made by the browser for the attempt that is submitted; empty for plain
            images, and when the page that is submitted has encrypted none of them.
        sealed_keys: keys of the earlier pages that encrypted the other images, by attempt; each sealed on
            its own when its first upload had ended (`image_key_context`).
        images: uploaded images by side.
        plain_images: images of a form post; never persisted, as such a job runs inside the request.
        failed_fingerprints: of images that failed before in this session.
        fingerprints: of the images that passed the check, by side: of a parked job, whose images are gone.
        image_source: ``camera`` when one of the images came from there, else ``upload``.
        applicant: what the vendor gets of what the person typed before.
        circumstances: how the person came to the submit.
        selfie: what the person answered when asked for a selfie; None when not asked.
        wants_selfie: whether the policy of the verification wants one; None without a policy.
        vendor: whom the person was shown; "" for whomever the settings name.
        document_types: that are accepted; empty for all of which there are rules.
    """

    images: Mapping[Side, UploadedImage] = field(default_factory=dict)
    encryption_key: bytes = b""
    sealed_keys: Mapping[str, bytes] = field(default_factory=dict)
    plain_images: Mapping[Side, bytes] = field(default_factory=dict)
    failed_fingerprints: frozenset[str] = frozenset()
    fingerprints: Mapping[Side, str] = field(default_factory=dict)
    image_source: str = "upload"
    applicant: Applicant = field(default_factory=Applicant)
    circumstances: Circumstances = field(default_factory=Circumstances)
    selfie: SelfieChoice | None = None
    wants_selfie: bool | None = None
    vendor: str = ""
    document_types: frozenset[DocumentType] = frozenset()

    @property
    def object_keys(self) -> tuple[str, ...]:
        """What the job reads in the image store; deleted when it ends."""
        return tuple(image.object_key for image in self.images.values())

    def without_selfie(self) -> Self:
        """Return the same without the image of the person's face."""
        images: dict[Side, UploadedImage] = dict(self.images)
        plain: dict[Side, bytes] = dict(self.plain_images)
        images.pop(Side.SELFIE, None)
        plain.pop(Side.SELFIE, None)
        return replace(self, images=images, plain_images=plain)

    def to_bytes(self) -> bytes:
        """Return the arguments as JSON, for sealing."""
        images = {
            side.value: {
                "slot": image.slot,
                "attempt": image.attempt,
                "key": image.object_key,
                "length": image.length,
                "sha256": _encode(image.sha256),
                "iv": _encode(image.iv),
            }
            for side, image in self.images.items()
        }
        return json.dumps(
            {
                "encryption_key": _encode(self.encryption_key),
                "sealed_keys": {attempt: _encode(key) for attempt, key in self.sealed_keys.items()},
                "images": images,
                "failed_fingerprints": sorted(self.failed_fingerprints),
                "fingerprints": {side.value: mark for side, mark in self.fingerprints.items()},
                "image_source": self.image_source,
                "applicant_pii": self.applicant.reveal(),
                "circumstances": self.circumstances.to_json(),
                "selfie": self.selfie.to_json() if self.selfie else None,
                "wants_selfie": self.wants_selfie,
                "vendor": self.vendor,
                "document_types": sorted(self.document_types),
            }
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises `EncryptionError` for anything else."""
        try:
            values = json.loads(data)
            images = {
                Side(side): UploadedImage(
                    slot=image["slot"],
                    attempt=image["attempt"],
                    object_key=image["key"],
                    length=image["length"],
                    sha256=_decode(image["sha256"]),
                    iv=_decode(image["iv"]),
                )
                for side, image in values["images"].items()
            }
            return cls(
                images=images,
                encryption_key=_decode(values["encryption_key"]),
                sealed_keys={attempt: _decode(key) for attempt, key in values["sealed_keys"].items()},
                failed_fingerprints=frozenset(values["failed_fingerprints"]),
                fingerprints={Side(side): mark for side, mark in values["fingerprints"].items()},
                image_source=values["image_source"],
                applicant=Applicant.from_mapping(values["applicant_pii"]),
                circumstances=Circumstances.from_json(values["circumstances"]),
                selfie=SelfieChoice.from_json(values["selfie"]) if values["selfie"] else None,
                wants_selfie=values["wants_selfie"],
                vendor=values["vendor"],
                document_types=frozenset(map(DocumentType, values["document_types"])),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise EncryptionError from None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PIIArguments:
    """Arguments of a job that reads no images.

    Attributes:
        applicant: whom to proof.
        circumstances: how the person came to the submit; inside the seal, as they are personal.
    """

    applicant: Applicant
    circumstances: Circumstances = field(default_factory=Circumstances)

    @property
    def object_keys(self) -> tuple[str, ...]:
        """None: these jobs read no images."""
        return ()

    def to_bytes(self) -> bytes:
        """Return the arguments as JSON, for sealing."""
        return json.dumps(
            {
                "applicant_pii": self.applicant.reveal(),
                "circumstances": self.circumstances.to_json(),
            }
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises `EncryptionError` for anything else."""
        try:
            values = json.loads(data)
            return cls(
                applicant=Applicant.from_mapping(values["applicant_pii"]),
                circumstances=Circumstances.from_json(values["circumstances"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise EncryptionError from None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CodeArguments:
    """Arguments of a job that sends a message: a confirmation code, or the link of a hand-off."""

    message: Message

    @property
    def object_keys(self) -> tuple[str, ...]:
        """None: these jobs read no images."""
        return ()

    def to_bytes(self) -> bytes:
        """Return the arguments as JSON, for sealing."""
        return json.dumps({"message": self.message.to_json()}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises `EncryptionError` for anything else."""
        try:
            return cls(message=Message.from_json(json.loads(data)["message"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise EncryptionError from None


Arguments = CodeArguments | DocumentArguments | PIIArguments


def write_parked(arguments: Arguments, questions: QuestionLog, early: Sequence[Note] = ()) -> bytes:
    """Return what a parked job continues with, as JSON, for sealing; *early* came before it was parked."""
    values = {
        "arguments": arguments.to_bytes().decode(),
        "questions": questions.to_json(),
        "early": [note.to_json() for note in early],
    }
    return json.dumps(values).encode()


def read_parked(kind: type[ArgumentsT], data: bytes) -> tuple[ArgumentsT, QuestionLog, list[Note]]:
    """Read what `write_parked` wrote. Raises `EncryptionError` for anything else."""
    try:
        values = json.loads(data)
        arguments, questions = values["arguments"].encode(), values["questions"]
        early = [Note.from_json(note) for note in values["early"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise EncryptionError from None
    return kind.from_bytes(arguments), QuestionLog.from_json(questions), early


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JobResult:
    """What a job came to.

    Attributes:
        end_state: how it ended.
        outcome: what it comes to; only `EndState.DONE` has one other than unknown.
        reasons: codes for the screens; no PII.
        fields: form field to code, for document errors.
        timed_out: whether a vendor ran out of time.
        result: what is sealed for the page; may hold PII.
        kept_objects: keys of uploads that are not deleted, because they may be submitted again.
        facts: what else the summary line holds; no PII.
    """

    end_state: EndState = EndState.DONE
    outcome: Outcome = Outcome.UNKNOWN
    reasons: tuple[str, ...] = ()
    fields: Mapping[str, str] | None = None
    timed_out: bool = False
    result: AnyJobResult | None = None
    kept_objects: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)


def found_by(conclusion: JobResult, arguments: Arguments | None) -> Found:
    """Return what the verification of a job learns of its *conclusion*.

    Args:
        conclusion: of the job.
        arguments: with which it ran; None where it did not.
    """
    result = conclusion.result
    if result is None:
        return NOTHING
    checks = dict(result.checks)
    if isinstance(result, ResolutionJobResult) and result.phone_precheck_passed:
        checks[JobKind.PHONE.value] = CheckState.PASSED
    applicant = Applicant()
    if conclusion.outcome is Outcome.PASSED:
        if isinstance(arguments, DocumentArguments | PIIArguments):
            applicant = arguments.applicant
        if isinstance(result, DocumentJobResult) and result.applicant is not None:
            # What the document says is worth more than what was typed before it.
            applicant = applicant.merge(result.applicant)
    return Found(checks=checks, evidence=result.evidence, applicant=applicant)


def _encode(data: bytes) -> str:
    """Return *data* in base64."""
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    """Return the bytes of base64 *text*. Raises ValueError."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None
