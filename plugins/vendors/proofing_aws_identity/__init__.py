"""Amazon Textract reads documents, Rekognition compares selfies, End User Messaging sends codes.

Two proofers of documents: ``aws_identity`` reads it by AnalyzeID, and ``aws_identity:selfie`` compares a
selfie as well, by CompareFaces. Both only *read*: nothing says that the document is genuine, so with the
setting ``document_requires: authenticated`` no document passes by them alone. CompareFaces does not check
that the selfie shows a living person. The messenger ``aws_identity:messaging`` sends confirmation codes.

Settings, section ``aws_identity`` of settings.yaml::

    aws_identity:
      region: us-east-1               # required; where the images are processed
      fips: false                     # the endpoints with validated cryptography
      textract_endpoint_url: null     # of a VPC endpoint or a stand-in, in place of the public one
      rekognition_endpoint_url: null
      timeout_seconds: 20             # one question with both calls
      min_confidence: 80              # percent; a field that Textract is less sure of counts as not read
      min_similarity: 99              # percent; a face that is less similar is another face
      face_quality: auto              # none, auto, low, medium or high: faces below it are not compared
      text_from: null                 # number, pool or sender of text messages with a code
      voice_from: null                # number or pool that calls with a code
      messaging_configuration_set: null
      messaging_endpoint_url: null
      messaging_timeout_seconds: 10
      metadata_credentials: false     # take a role's credentials from the metadata service

Credentials: ``access_key_id``, ``secret_access_key`` and, for temporary ones, ``session_token``. Without them
the AWS chain is asked for what it has on this machine: environment, shared files, ``credential_process``.
With ``metadata_credentials`` also for the role of the container (ECS, EKS Pod Identity) or the instance
(EC2): botocore then asks their metadata service, on the machine itself and past the proxy. Profiles that
assume a role, web identities and SSO are not used: they call other AWS services past our client.

Least permissions: ``textract:AnalyzeID``, and ``rekognition:CompareFaces`` for the selfie; neither knows
resources. For codes ``sms-voice:SendTextMessage`` and ``sms-voice:SendVoiceMessage``, on what sends them.
Opt out of the use of content for the improvement of AI services by a policy of the organization.

Limits: Textract takes 10 MB an image, Rekognition 5 MB, JPEG or PNG; a larger image is a finding, before any
call. Needs ``proofing[aws_identity]``. Reference: docs/vendors/aws_identity.md
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from proofing.plugin import (
    PHYSICAL_TYPES,
    Channel,
    DocumentType,
    MessengerDescriptor,
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    hookimpl,
)
from proofing_aws_identity.settings import AWSIdentitySettings

if TYPE_CHECKING:
    from proofing_aws_identity.messaging import AWSMessenger
    from proofing_aws_identity.proofer import AWSIdentityProofer

__all__ = ["AWSIdentitySettings", "proofing_messengers", "proofing_proofers", "proofing_settings"]

#: AnalyzeID documents no passport cards.
_TYPES = PHYSICAL_TYPES - {DocumentType.PASSPORT_CARD}


def _make_reading(settings: AWSIdentitySettings, _process: ProcessContext) -> "AWSIdentityProofer":
    from proofing_aws_identity.proofer import AWSIdentityProofer  # noqa: PLC0415 - imports botocore

    return AWSIdentityProofer(settings, "aws_identity", compares=False)


def _make_comparing(settings: AWSIdentitySettings, _process: ProcessContext) -> "AWSIdentityProofer":
    from proofing_aws_identity.proofer import AWSIdentityProofer  # noqa: PLC0415 - imports botocore

    return AWSIdentityProofer(settings, "aws_identity:selfie", compares=True)


def _make_messenger(settings: AWSIdentitySettings, _process: ProcessContext) -> "AWSMessenger":
    from proofing_aws_identity.messaging import AWSMessenger  # noqa: PLC0415 - imports botocore

    return AWSMessenger(settings, "aws_identity:messaging")


def _channels(settings: AWSIdentitySettings) -> frozenset[Channel]:
    """Return how there is something to send from."""
    senders = {Channel.TEXT: settings.text_from, Channel.VOICE: settings.voice_from}
    return frozenset(channel for channel, sender in senders.items() if sender is not None)


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``aws_identity``."""
    return AWSIdentitySettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return ``aws_identity`` and ``aws_identity:selfie``."""
    return [
        ProoferDescriptor(
            name="aws_identity",
            kind=ProoferKind.DOCUMENT,
            make=_make_reading,
            document_types=_TYPES,
            hosts=lambda settings: frozenset({settings.textract_host}),
            timeout_seconds=lambda settings: settings.timeout_seconds,
        ),
        ProoferDescriptor(
            name="aws_identity:selfie",
            kind=ProoferKind.DOCUMENT,
            make=_make_comparing,
            document_types=_TYPES,
            hosts=lambda settings: frozenset({settings.textract_host, settings.rekognition_host}),
            timeout_seconds=lambda settings: settings.timeout_seconds,
            needs_selfie=True,
            company="Amazon Web Services",
        ),
    ]


@hookimpl
def proofing_messengers() -> Sequence[MessengerDescriptor]:
    """Return ``aws_identity:messaging``."""
    return [
        MessengerDescriptor(
            name="aws_identity:messaging",
            make=_make_messenger,
            channels=_channels,
            hosts=lambda settings: frozenset({settings.messaging_host}),
            timeout_seconds=lambda settings: settings.messaging_timeout_seconds,
            max_response_bytes=256 * 1024,
        )
    ]
