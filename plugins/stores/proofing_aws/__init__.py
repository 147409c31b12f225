"""Images and secrets in S3, keys in KMS. For production; offers an image, a key and a secret store.

Name in settings.yaml: ``aws``, as ``image_store``, ``key_service`` and ``secret_store``; each may be used
without the others. Settings, below ``aws``:

- ``region``: such as ``us-east-1``; by default what the AWS chain says (``AWS_REGION``, profile).
- ``image_bucket``: holds the uploaded ciphertext for minutes. What lies below ``image_prefix`` +
  ``captures/`` is ours, and is deleted when it is old.
- ``image_prefix``: put before every object key, when the bucket is shared; ends with a slash.
- ``kms_key_id``: id, ARN or alias of the key that wraps new data keys. Old data keys name their own key, so
  that an alias may move on: keep the old key enabled (not: decrypting only) as long as its messages live.
- ``secret_bucket``, ``secret_object_key``: the secrets of this environment, a YAML map of at most 1 MB,
  merged over settings.yaml at launch. By default ``ENVIRONMENT/secrets.yaml``. Not the ``image_bucket``,
  which forgets everything after a day. Give the bucket versions: the version id is logged.
- ``s3_endpoint_url``, ``kms_endpoint_url``: of VPC endpoints or stand-ins. Browsers must reach the first.
- ``s3_addressing``: ``virtual`` (bucket in the host name) or ``path``.
- ``deadline_seconds``: total for one call to S3, retries included; ``kms_deadline_seconds``: for one to KMS,
  for which pages wait. ``connect_timeout_seconds``, ``read_timeout_seconds``: of one socket operation.
  ``attempts``: 1 retries nothing.
- ``threads``: calls in flight in one process (boto3 blocks; it runs in threads of its own).
- ``proxy_url``: the only way to set a proxy; the proxy variables of the environment are not used.
- ``probe_at_start``: try at start what the stores rely on: that the bucket refuses a second write to one
  key (by a process that may write), and that the key is there and enabled.

Credentials come by the usual AWS chain: environment, shared files, container or instance role. None of them
belongs in settings.yaml. Where that chain asks a metadata service it reads the proxy variables itself.

Least permissions. Web: ``s3:PutObject`` on the images, ``kms:GenerateDataKey`` for the encryption contexts
with the purposes ``args``, ``notes``, ``session``, ``result`` and ``verification``, and ``kms:Decrypt`` for
``session``, ``result``, ``verification`` and ``credential``. Worker: ``s3:GetObject``, ``s3:DeleteObject``
and ``s3:ListBucket`` on the images, ``kms:GenerateDataKey`` for ``result``, ``parked``, ``cache`` and
``verification``, and ``kms:Decrypt`` for ``args``, ``notes``, ``parked``, ``cache`` and ``credential``. Who
makes keys of relying parties: ``kms:GenerateDataKey`` for ``credential``. All of them: ``s3:GetObject`` on
their secrets, and ``kms:DescribeKey`` for a start check of more than whether KMS answers. Migrate: its
secrets. ``policies/`` holds these as IAM policies, which the tests enforce;
docs/howto/aws-rights.md says how to use them. Without ``s3:ListBucket`` S3 answers 403 for what is not there.

The bucket must have: no public access, TLS only, a policy that denies writes without ``If-None-Match`` and
signatures older than the life of a URL (``s3:signatureAge``), no versions, a lifecycle rule of one day, and
CORS for one origin, ``PUT``, and the headers ``content-type``, ``if-none-match``, ``x-amz-checksum-sha256``.
"""

from collections.abc import Sequence

from proofing.plugin import (
    BackendContext,
    BackendDescriptor,
    ImageStore,
    KeyService,
    PluginSettings,
    SecretStore,
    hookimpl,
)
from proofing_aws.settings import AWSSettings

__all__ = [
    "AWSSettings",
    "proofing_image_stores",
    "proofing_key_services",
    "proofing_secret_stores",
    "proofing_settings",
]


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``aws``."""
    return AWSSettings


@hookimpl
def proofing_image_stores() -> Sequence[BackendDescriptor[ImageStore]]:
    """Offer the image store ``aws``."""
    return [BackendDescriptor(name="aws", make=_make_image_store)]


@hookimpl
def proofing_key_services() -> Sequence[BackendDescriptor[KeyService]]:
    """Offer the key service ``aws``."""
    return [BackendDescriptor(name="aws", make=_make_key_service)]


@hookimpl
def proofing_secret_stores() -> Sequence[BackendDescriptor[SecretStore]]:
    """Offer the secret store ``aws``."""
    return [BackendDescriptor(name="aws", make=_make_secret_store)]


# boto3 takes 0.15 s to import, so each factory imports its module only when the store is made.


def _make_image_store(settings: AWSSettings, context: BackendContext) -> ImageStore:
    from proofing_aws.image_store import S3ImageStore  # noqa: PLC0415

    return S3ImageStore(settings, role=context.role)


def _make_key_service(settings: AWSSettings, context: BackendContext) -> KeyService:
    from proofing_aws.key_service import KMSKeyService  # noqa: PLC0415

    return KMSKeyService(settings, environment=context.environment)


def _make_secret_store(settings: AWSSettings, context: BackendContext) -> SecretStore:
    from proofing_aws.secret_store import S3SecretStore  # noqa: PLC0415

    return S3SecretStore(settings, environment=context.environment)
