"""The calls to AWS: clients that botocore makes, credentials, and what its errors mean.

botocore's description of each service decides how a call is written and read; `carry_botocore` sends it.
"""

import functools
import re
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar

import botocore.session
from botocore import exceptions
from botocore.config import Config
from botocore.loaders import create_loader
from pydantic import BaseModel, ValidationError

from proofing.plugin import Cause, ProofingError, VendorError
from proofing_aws_identity.settings import AWSIdentitySettings

#: Providers of the AWS chain that read this machine alone.
_LOCAL = frozenset({"env", "shared-credentials-file", "config-file", "custom-process"})
#: Those that ask the metadata service of the machine.
_METADATA = frozenset({"container-role", "iam-role"})

#: Error codes of AWS by what they mean; "Common Errors" and the errors that the services' models declare.
_CAUSES: Mapping[str, Cause] = {
    **dict.fromkeys(
        (
            *("AccessDeniedException", "AccessDenied", "NotAuthorized", "OptInRequired"),
            *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"),
            *("IncompleteSignature", "IncompleteSignatureException", "InvalidSignatureException"),
            *("SignatureDoesNotMatch", "MissingAuthenticationToken", "MissingAuthenticationTokenException"),
            *("RequestExpired", "RequestTimeTooSkewed", "InvalidAccessKeyId"),
        ),
        Cause.AUTHENTICATION,
    ),
    **dict.fromkeys(
        (
            *("LimitExceededException", "ProvisionedThroughputExceededException"),
            "ServiceQuotaExceededException",
            *("Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException"),
        ),
        Cause.QUOTA,
    ),
    **dict.fromkeys(
        (
            *("InternalFailure", "InternalServerError", "InternalServerException"),
            *("ServiceUnavailable", "ServiceUnavailableException"),
        ),
        Cause.UNREACHABLE,
    ),
}
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")
_REASON = re.compile(r"[A-Z][A-Z_]{0,79}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

AnswerT = TypeVar("AnswerT", bound=BaseModel)


class RefusedError(Exception):
    """The service refused what was sent, by one of the codes that the caller reads an answer from."""

    def __init__(self, code: str, request_id: str | None) -> None:
        """Take the error's code, and the id of the call."""
        self.code = code
        self.request_id = request_id
        super().__init__(code)


def make_session(settings: AWSIdentitySettings, vendor_name: str) -> botocore.session.Session:
    """Return a session with credentials. Reads files, and asks a metadata service if the settings allow it.

    Raises:
        VendorError: `Cause.AUTHENTICATION`: there are no credentials.
    """
    session = botocore.session.get_session()
    session.register_component("data_loader", _loader())
    if settings.access_key_id is not None and settings.secret_access_key is not None:
        token = settings.session_token
        session.set_credentials(
            settings.access_key_id.get_secret_value(),
            settings.secret_access_key.get_secret_value(),
            token.get_secret_value() if token is not None else None,
        )
        return session
    chain = session.get_component("credential_provider")
    allowed = _LOCAL | _METADATA if settings.metadata_credentials else _LOCAL
    chain.providers = [provider for provider in chain.providers if provider.METHOD in allowed]
    try:
        found = session.get_credentials()
    except exceptions.BotoCoreError:
        found = None
    if found is None:
        message = "no AWS credentials; set aws_identity.access_key_id, or see the plugin's manual"
        raise VendorError(Cause.AUTHENTICATION, message, vendor_name=vendor_name, billed=False)
    return session


@functools.cache
def _loader() -> Any:
    """Return the one reader of service descriptions, megabytes of JSON; it keeps what it has read."""
    return create_loader()


def make_client(session: botocore.session.Session, service: str, url: str, region: str) -> Any:
    """Return the client of a service at *url*; takes some 100 ms, and sends nothing."""
    config = Config(
        # One request for one question: the vendor may have billed the first.
        retries={"mode": "standard", "total_max_attempts": 1},
        signature_version="v4",
        proxies={},
    )
    client = session.create_client(service, region_name=region, endpoint_url=url, config=config)
    client.meta.events.register("before-parse", _note_status)
    return client


#: The status of this thread's last answer: what a parser raises about a body does not say it.
_answered = threading.local()


def _note_status(response_dict: Mapping[str, Any], **_others: Any) -> None:
    _answered.status = int(response_dict["status_code"])


def call(
    method: Callable[..., Any],
    parameters: Mapping[str, Any],
    model: type[AnswerT],
    *,
    vendor_name: str,
    refusals: frozenset[str],
) -> tuple[AnswerT, str | None]:
    """Call *method*, a client's, and return its answer as *model* reads it, with the id of the call.

    Raises:
        RefusedError: by a code of *refusals*, or by one with its reason: ``ConflictException.OPTED_OUT``.
        VendorError: any other error.
    """
    _answered.status = 0
    try:
        answer = method(**parameters)
    except ProofingError:
        raise
    except exceptions.ClientError as error:
        _raise_for(error.response, vendor_name, refusals)
    except (exceptions.NoCredentialsError, exceptions.CredentialRetrievalError):
        _fail(Cause.AUTHENTICATION, "the AWS credentials cannot be refreshed", vendor_name)
    except Exception:  # noqa: BLE001 - an invalid body makes its parsers raise anything, with texts of it
        _fail(_cause_of_status(_answered.status), "the answer cannot be read", vendor_name)
    request_id = _request_id(answer.get("ResponseMetadata", {}))
    try:
        return model.model_validate(answer), request_id
    except ValidationError:  # its message quotes the answer
        message = "the answer is not what the service's model describes"
    raise VendorError(Cause.NONSENSE, message, vendor_name=vendor_name, transaction_id=request_id)


def _raise_for(response: Mapping[str, Any], vendor_name: str, refusals: frozenset[str]) -> NoReturn:
    """Raise what an error of the service means."""
    metadata = response.get("ResponseMetadata", {})
    status, request_id = int(metadata.get("HTTPStatusCode", 0)), _request_id(metadata)
    text = str(response.get("Error", {}).get("Code", ""))
    code = text if _CODE.fullmatch(text) else str(status)
    reason = str(response.get("Reason", ""))
    full = f"{code}.{reason}" if _REASON.fullmatch(reason) else code
    for known in (code, full):
        if known in refusals and status == HTTPStatus.BAD_REQUEST:
            raise RefusedError(known, request_id) from None
    cause = _CAUSES.get(code) or _cause_of_status(status)
    raise VendorError(
        cause,
        f"AWS answered with HTTP {status}",
        vendor_name=vendor_name,
        codes=(full,),
        transaction_id=request_id,
    ) from None


def _cause_of_status(status: int) -> Cause:
    """Return what a status means whose error has no code that is known."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Cause.AUTHENTICATION
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Cause.QUOTA
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Cause.UNREACHABLE
    return Cause.BAD_REQUEST if status >= HTTPStatus.BAD_REQUEST else Cause.NONSENSE


def _request_id(metadata: Mapping[str, Any]) -> str | None:
    value = metadata.get("RequestId")
    return value if isinstance(value, str) and _REQUEST_ID.fullmatch(value) else None


def _fail(cause: Cause, message: str, vendor_name: str) -> NoReturn:
    """Raise an error without what botocore raised, whose text may hold the answer."""
    raise VendorError(cause, message, vendor_name=vendor_name) from None
