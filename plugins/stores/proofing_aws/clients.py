"""boto3 behind a door: clients made once, calls in a bounded pool of threads, one deadline for each.

botocore's own time-outs hold for single socket operations and its retries add up; here `asyncio.timeout`
covers a call as a whole, and a call past its deadline is aborted, which frees its thread.
"""

import asyncio
import email.utils
import functools
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar

import boto3
import botocore.session
from botocore import exceptions
from botocore.config import Config
from botocore.loaders import create_loader
from urllib3.exceptions import HTTPError

from proofing.plugin import StoreUnavailableError, Trouble
from proofing.plugin.support import TROUBLE_WORDS as WORDS
from proofing.plugin.support import silence_foreign, translated, trouble_of
from proofing_aws.abortable import AbortableCall, prepare
from proofing_aws.settings import AWSSettings

#: How long making a client may take: descriptions of megabytes are read, and credentials fetched. No page
#: waits for it, and a machine that has just started is busy.
_START_SECONDS = 20.0

#: Codes that say: not you, or not like this. Trying again does not help.
_REFUSALS = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)

#: A signature is refused when it is 15 minutes old or from the future; less than this is the network's.
_MOST_SKEW_SECONDS = 60.0
_CLOCK = Trouble.CONFIGURATION

#: What boto3 and the sockets below it raise when there is no answer, as far as they document it.
_UNREACHABLE = (exceptions.HTTPClientError, exceptions.BotoCoreError, HTTPError, OSError)
_MEANINGFUL = (exceptions.ClientError, *_UNREACHABLE)

AnswerT = TypeVar("AnswerT")


class AWSCalls:
    """Makes one client, and calls it in threads.

    Args:
        settings: the plugin's.
        service: ``s3`` or ``kms``.
        name: of the store, for messages.
        deadline_seconds: of one call, waiting for a thread included.
    """

    def __init__(self, settings: AWSSettings, service: str, name: str, *, deadline_seconds: float) -> None:
        self._settings = settings
        self._service = service
        self._name = name
        self._deadline_seconds = deadline_seconds
        self._pool: ThreadPoolExecutor | None = None
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The boto3 client; thread-safe.

        Raises:
            StoreUnavailableError: not open.
        """
        if self._client is None:
            raise StoreUnavailableError(f"the {self._name} is not open")
        return self._client

    async def open(self) -> None:
        """Make the client. Reads the credentials, which may ask a metadata service.

        Raises:
            StoreUnavailableError: there are no credentials, or no region.
        """
        if self._client is not None:
            return
        # Secrets are loaded before the log is configured.
        silence_foreign()
        self._pool = ThreadPoolExecutor(self._settings.threads, thread_name_prefix=f"aws-{self._service}")
        try:
            self._client = await self.run(
                lambda: make_client(self._settings, self._service, deadline_seconds=self._deadline_seconds),
                deadline_seconds=_START_SECONDS,
            )
        except BaseException:  # a cancellation too: nothing stays open behind an open that failed
            await self.close()
            raise

    async def close(self) -> None:
        """Close the client's connections and let the threads end. Harmless when not open."""
        pool, self._pool = self._pool, None
        client, self._client = self._client, None
        if client is not None:
            client.close()
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    async def run(self, function: Callable[[], AnswerT], *, deadline_seconds: float | None = None) -> AnswerT:
        """Return what *function* returns, from a thread, within the deadline.

        Raises:
            StoreUnavailableError: no answer in time, no connection, no credentials, or not ours.
            botocore.exceptions.ClientError: the service answered with an error that has a meaning.
        """
        if self._pool is None:
            raise StoreUnavailableError(f"the {self._name} is not open")
        call = AbortableCall(function)
        running = self._pool.submit(call)
        try:
            with translated(StoreUnavailableError, f"the {self._name}", passing=_MEANINGFUL):
                async with asyncio.timeout(deadline_seconds or self._deadline_seconds):
                    return await asyncio.wrap_future(running)
        except TimeoutError:
            call.abort()
            self._fail("does not answer within its deadline", Trouble.TIMEOUT)
        except asyncio.CancelledError:
            call.abort()
            raise
        except exceptions.ClientError as error:
            self._raise_for_service_error(error)
            raise
        except (exceptions.NoCredentialsError, exceptions.CredentialRetrievalError):
            self._fail("finds no AWS credentials; see the AWS credential chain", Trouble.CREDENTIALS)
        except exceptions.NoRegionError:
            self._fail("knows no region: set aws.region", Trouble.CONFIGURATION)
        except _UNREACHABLE as error:
            trouble = _trouble(error)
            self._fail(f"cannot be reached: {WORDS[trouble]}", trouble)

    def _raise_for_service_error(self, error: exceptions.ClientError) -> None:
        """Raise our error for answers that say nothing about what was asked."""
        code = error_code(error)
        if code in _REFUSALS and abs(skew := _skew_seconds(error)) > _MOST_SKEW_SECONDS:
            # Answers to HEAD have no code, and KMS has none for it: without this, rights seem to be missing.
            way = "ahead" if skew > 0 else "behind"
            self._fail(f"refuses us: this host's clock is {abs(skew):.0f} s {way}; set it by NTP", _CLOCK)
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _REFUSALS and code not in {"AccessDenied", "AccessDeniedException", "403"}:
            self._fail("refuses our credentials", Trouble.CREDENTIALS)
        # 501 says that the request will never be served: what that means depends on what was asked.
        is_down = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
        if is_down or code in {"SlowDown", "ThrottlingException", "RequestTimeout"}:
            self._fail("cannot serve now", Trouble.UNAVAILABLE)

    def _fail(self, what: str, trouble: Trouble) -> NoReturn:
        """Raise our error; the foreign one may show URLs."""
        raise StoreUnavailableError(f"the {self._name} {what}", trouble=trouble) from None

    def part(self, answer: Mapping[str, Any], *path: str) -> Any:
        """Return what lies at *path* in *answer*.

        Raises:
            StoreUnavailableError: it is not there: botocore takes a cut off answer for an empty one.
        """
        value: Any = answer
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                raise StoreUnavailableError(f"the {self._name} broke off its answer")
            value = value[name]
        return value

    def refused(self) -> StoreUnavailableError:
        """Return the error for a call that our role may not make."""
        return StoreUnavailableError(
            f"the {self._name} does not allow the call to our role; see the plugin's manual",
            trouble=Trouble.PERMISSION,
        )


def make_client(settings: AWSSettings, service: str, *, deadline_seconds: float) -> Any:
    """Build a boto3 client, no single step of which waits beyond the deadline; takes some 50 ms."""
    config = Config(
        # Explicit, because some regions still sign URLs the old way by default.
        signature_version="s3v4" if service == "s3" else "v4",
        s3={"addressing_style": settings.s3_addressing, "us_east_1_regional_endpoint": "regional"},
        connect_timeout=min(settings.connect_timeout_seconds, deadline_seconds),
        read_timeout=min(settings.read_timeout_seconds, deadline_seconds),
        retries={"mode": "standard", "total_max_attempts": settings.attempts},
        max_pool_connections=settings.threads,
        tcp_keepalive=True,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # Not None: that would mean the proxies of the environment.
        proxies={"http": url, "https": url} if (url := _reveal(settings.proxy_url)) else {},
    )
    core = botocore.session.get_session()
    core.register_component("data_loader", _loader())
    core.set_default_client_config(Config(proxies={}))  # for the STS client of the credential chain
    session = boto3.session.Session(botocore_session=core, region_name=settings.region)
    endpoint = settings.s3_endpoint_url if service == "s3" else settings.kms_endpoint_url
    client = session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]
    client.meta.events.register_last("before-call.s3", _expect_nothing)
    prepare(client)
    return client


def _expect_nothing(params: dict[str, Any], **_: object) -> None:
    """Send bodies right away: what we write is tiny, and botocore reads a cut-off ``100 Continue`` forever.

    `AWSConnection._consume_headers` loops at the end of the connection; the thread would never come back.
    """
    params["headers"].pop("Expect", None)


@functools.cache
def _loader() -> Any:
    """Return the one reader of service descriptions, megabytes of JSON; it keeps what it has read."""
    return create_loader()


def _trouble(error: Exception) -> Trouble:
    """Return what keeps us from the service, by botocore's class where no socket error is behind it."""
    if isinstance(error, exceptions.SSLError):
        return Trouble.TLS
    if isinstance(error, (exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError)):
        return Trouble.TIMEOUT
    return trouble_of(error, default=Trouble.UNREACHABLE)


def _skew_seconds(error: exceptions.ClientError) -> float:
    """Return by how much our clock is ahead of the server that answered; 0 when the answer has no date."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        answered = email.utils.parsedate_to_datetime(headers["date"])
    except (KeyError, TypeError, ValueError):
        return 0.0
    return time.time() - answered.timestamp()


def error_code(error: exceptions.ClientError) -> str:
    """Return the service's code of the error, such as ``NoSuchKey``; for HEAD requests the status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_refused(error: exceptions.ClientError) -> bool:
    """Return whether our role may not make the call, or (without ListBucket) the object is not there."""
    return error_code(error) in {"AccessDenied", "AccessDeniedException", "403"}


def _reveal(secret: Any) -> str | None:
    """Return the text of a secret setting."""
    return str(secret.get_secret_value()) if secret is not None else None
