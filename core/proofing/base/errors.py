"""The errors of Proofing; every other module raises these.

::

    ProofingError
    ├── ConfigurationError       the process must not start; holds every problem found
    ├── PluginError              a plugin broke its contract; the others continue
    ├── EncryptionError          a message does not open; says nothing of its content
    ├── InvalidInputError        a field of a form is wrong; names the field
    ├── LimitReachedError        a rate limit holds; says for how long
    ├── ImageError               decrypted bytes are no acceptable image
    ├── UploadRefusedError       an upload broke the terms of its slot
    ├── QueueError
    │   ├── QueueUnavailableError
    │   └── LeaseLostError       this worker no longer owns the job; write nothing
    ├── StoreError
    │   ├── StoreUnavailableError
    │   └── ImageNotFoundError
    ├── VerificationNotFoundError  there is none, or it is another relying party's: nobody learns which
    ├── VerificationStateError   a verification is not in a state for what was asked
    ├── LinkRefusedError         the person's link is used, or too old
    └── VendorError              no answer, as opposed to an answer that says no; its `Cause` says why
        └── CPUWorkError         a call of `context.cpu` has no answer

Messages say what happened and what to do. They never hold applicant data, bodies, keys, or text of a
foreign exception; foreign exceptions are re-raised as one of these with ``from None``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ProofingError(Exception):
    """Base of all errors of this project."""


class Trouble(StrEnum):
    """What keeps a backend from serving, as far as its client library shows it."""

    #: The host name has no address.
    UNKNOWN_HOST = "unknown_host"
    #: Nothing listens on the port.
    CONNECTION_REFUSED = "connection_refused"
    #: No route, or the connection broke.
    UNREACHABLE = "unreachable"
    #: No answer within the deadline.
    TIMEOUT = "timeout"
    #: The TLS handshake failed: certificate, host name, or one side without TLS.
    TLS = "tls"
    #: Our user, password or key is refused, or there is none.
    CREDENTIALS = "credentials"
    #: We are known and may not do this.
    PERMISSION = "permission"
    #: The database, schema, bucket or key does not exist.
    NOT_FOUND = "not_found"
    #: It answers that it cannot serve now.
    UNAVAILABLE = "unavailable"
    #: It is this process that refuses: more is in progress than its limits allow.
    OVERLOAD = "overload"
    #: A setting of it is wrong.
    CONFIGURATION = "configuration"
    #: Its plugin raised what its contract does not allow.
    PLUGIN = "plugin_error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration.

    Attributes:
        source: the file, environment variable or store the value came from.
        key: the settings key, dotted for nested ones.
        rule: what the key must be. Never the value.
    """

    source: str
    key: str
    rule: str

    def __str__(self) -> str:
        return f"{self.source}: {self.key}: {self.rule}"


class ConfigurationError(ProofingError):
    """The settings are wrong; the process stops with exit code 78 (``EX_CONFIG`` of sysexits.h)."""

    exit_code = 78

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Collect *problems*, which are all reported at once."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PluginError(ProofingError):
    """A plugin broke its contract: failed import, undocumented error, or invalid value."""


class EncryptionError(ProofingError):
    """A message could not be sealed or opened. One message for every cause, so that it is not an oracle."""

    def __init__(self, message: str = "the message does not open") -> None:
        """Take a *message* without content, key or cause."""
        super().__init__(message)


class InvalidInputError(ProofingError):
    """One or more fields of a form are wrong.

    Attributes:
        fields: field name to problem code; the catalog of texts has a sentence for each code.
    """

    def __init__(self, fields: dict[str, str]) -> None:
        """Take the wrong *fields*; their values are not kept."""
        self.fields = fields
        super().__init__("invalid: " + ", ".join(f"{name} ({code})" for name, code in fields.items()))


class LimitReachedError(ProofingError):
    """A rate limit is reached.

    Attributes:
        limit: the name of the limit, such as ``idv_resolution``.
        seconds_left: until the window ends.
    """

    def __init__(self, limit: str, seconds_left: float) -> None:
        """Take the reached *limit* and the *seconds_left* of its window."""
        self.limit = limit
        self.seconds_left = seconds_left
        super().__init__(f"the limit {limit} holds for {seconds_left:.0f} s")


class ImageError(ProofingError):
    """Decrypted bytes are not an acceptable image.

    Attributes:
        code: ``not_an_image``, ``heic``, ``truncated``, ``too_large``, ``too_many_pixels`` or ``empty``.
        side: the side of the document, when known.
    """

    def __init__(self, code: str, side: str | None = None) -> None:
        """Take the problem's *code* and the *side* it was found on."""
        self.code = code
        self.side = side
        super().__init__(f"image refused: {code}")


class UploadRefusedError(ProofingError):
    """An upload broke the terms of its slot.

    Attributes:
        status: the HTTP status to answer with.
        code: the broken term, such as ``expired``, ``length``, ``checksum`` or ``used``.
    """

    def __init__(self, status: int, code: str) -> None:
        """Take the HTTP *status* and the *code* of the broken term."""
        self.status = status
        self.code = code
        super().__init__(f"upload refused: {code}")


class BackendUnavailableError(ProofingError):
    """A backend cannot be reached, or does not serve; the base of those of queues and stores.

    Attributes:
        trouble: what keeps it from serving.
        backend: settings key of the backend that raised it, where core has called that.
    """

    backend = ""

    def __init__(self, message: str, *, trouble: Trouble = Trouble.UNAVAILABLE) -> None:
        """Take a *message* for operators and the kind of *trouble*."""
        self.trouble = trouble
        super().__init__(message)


class QueueError(ProofingError):
    """The queue could not do what was asked."""


class QueueUnavailableError(QueueError, BackendUnavailableError):
    """The queue cannot be reached; nothing was enqueued, or the caller may safely ask again."""


class LeaseLostError(QueueError):
    """This worker no longer owns the job. Code that catches this writes nothing more about the job."""


class StoreError(ProofingError):
    """A store could not do what was asked."""


class StoreUnavailableError(StoreError, BackendUnavailableError):
    """A store cannot be reached within its deadline."""


class ImageNotFoundError(StoreError):
    """No object has this key: never uploaded, already deleted, or expired."""


class VerificationNotFoundError(ProofingError):
    """There is no such verification, link or session of it; that of another relying party looks the same."""

    def __init__(self) -> None:
        """Take nothing: the one message names neither id nor relying party."""
        super().__init__("there is no such verification; check the id, the key and its mode")


class VerificationStateError(ProofingError):
    """A verification is not in a state for what was asked; nothing was changed.

    Attributes:
        action: what was asked, such as ``cancel``.
        state: in which the verification is.
        code: why it is refused: ``state`` or one of the codes of docs/explanation/relying-parties.md.
    """

    def __init__(self, action: str, state: str, code: str = "state") -> None:
        """Take what was asked, the verification's *state*, and the *code* of why it is refused."""
        self.action = action
        self.state = state
        self.code = code
        why = "" if code == "state" else f": {code}"
        super().__init__(f"cannot {action} a verification that is {state}{why}")


class LinkRefusedError(ProofingError):
    """The person's link opens nothing anymore; the relying party can make a new one.

    Attributes:
        code: ``used``, ``expired`` or ``ended``.
    """

    def __init__(self, code: str) -> None:
        """Take the *code* of why."""
        self.code = code
        super().__init__(f"the link is not usable: {code}")


class Cause(StrEnum):
    """Why a vendor gave no answer, in our words; rules, metrics and alarms know nothing else of it."""

    #: Our credentials are refused: an operator has to act.
    AUTHENTICATION = "authentication"
    #: More calls than the contract, a rate limit or our own budget allows.
    QUOTA = "quota"
    #: Down for scheduled maintenance.
    MAINTENANCE = "maintenance"
    #: The vendor answers, but the source it asks, such as a licensing agency, does not serve.
    SOURCE_DOWN = "source_down"
    #: The vendor answers, but its source did not in time.
    SOURCE_TIMEOUT = "source_timeout"
    #: The vendor refuses the question as malformed: a fault of the adapter or its settings.
    BAD_REQUEST = "bad_request"
    #: The answer is not what the vendor documents.
    NONSENSE = "nonsense"
    #: No complete answer within the time limit.
    TIMEOUT = "timeout"
    #: No connection, or the vendor cannot serve now.
    UNREACHABLE = "unreachable"
    #: Our process ended during the call; its result is not known.
    INTERRUPTED = "interrupted"
    #: The person did not finish at the vendor.
    ABANDONED = "abandoned"


#: After these the vendor may have worked on the question anyway.
_MAY_BE_BILLED = frozenset({Cause.SOURCE_TIMEOUT, Cause.NONSENSE, Cause.TIMEOUT, Cause.INTERRUPTED})


class VendorError(ProofingError):
    """The vendor gave no answer. A vendor's *no* is a result, not an error.

    Attributes:
        cause: why there is no answer.
        codes: the vendor's own codes, such as ``0047``, for operators; no free text, and no rule reads them.
        retry_after: seconds after which the vendor wants to be asked again; None when it does not say.
        billed: whether the vendor may charge for the call anyway.
        vendor_name: as in the vendor's descriptor.
        transaction_id: the vendor's own id of the call, when it gave one.
    """

    def __init__(
        self,
        cause: Cause,
        message: str,
        *,
        vendor_name: str = "",
        codes: tuple[str, ...] = (),
        retry_after: float | None = None,
        billed: bool | None = None,
        transaction_id: str | None = None,
    ) -> None:
        """Take the *cause*, a *message* free of applicant data and bodies, and the facts of the failed call.

        *billed* None decides by the cause.
        """
        self.cause = cause
        self.codes = codes
        self.retry_after = retry_after
        self.billed = cause in _MAY_BE_BILLED if billed is None else billed
        self.vendor_name = vendor_name
        self.transaction_id = transaction_id
        super().__init__(message)

    def amended(
        self,
        *,
        cause: Cause | None = None,
        message: str | None = None,
        codes: tuple[str, ...] | None = None,
        billed: bool | None = None,
    ) -> "VendorError":
        """Return a copy in which what is given replaces what this error has."""
        return VendorError(
            cause or self.cause,
            message or str(self),
            vendor_name=self.vendor_name,
            codes=self.codes if codes is None else codes,
            retry_after=self.retry_after,
            billed=self.billed if billed is None else billed,
            transaction_id=self.transaction_id,
        )


class CPUFailure(StrEnum):
    """Why a call of `ProofingContext.cpu` has no answer."""

    #: It took longer than its seconds.
    TIME = "time"
    #: It took more CPU time than its CPU seconds.
    PROCESSOR = "processor"
    #: No child was free within its seconds.
    BUSY = "busy"
    #: It wanted more than its megabytes, or the kernel had none left.
    MEMORY = "memory"
    #: The child ended by a signal, or by itself, without an answer.
    CRASH = "crash"
    #: The child sent something that is not an answer, or too large a one.
    ANSWER = "answer"
    #: The function raised an exception other than `MemoryError`.
    RAISED = "raised"
    #: No child could be started.
    START = "start"


class CPUWorkError(VendorError):
    """A call of `ProofingContext.cpu` has no answer; treat its input as not read.

    Untrusted bytes can cause each of these except `BUSY` and `START`, so that an adapter that can
    do without the result should catch it. Uncaught, the question ends like any other without an answer.

    Attributes:
        failure: why.
        exception_class: name of the class that the function raised, with `CPUFailure.RAISED`.
    """

    def __init__(self, failure: CPUFailure, *, exception_class: str = "") -> None:
        """Take the reason, and the class alone of an exception: its text may hold data."""
        self.failure = failure
        self.exception_class = exception_class
        text = f" ({exception_class})" if exception_class else ""
        is_ours = failure in {CPUFailure.BUSY, CPUFailure.START}
        super().__init__(
            Cause.UNREACHABLE if is_ours else Cause.NONSENSE,
            f"work in a CPU child failed: {failure}{text}",
            codes=(f"cpu_{failure}",),
            billed=False,
        )


def os_error_reason(error: OSError) -> str:
    """Return the operating system's words for *error*, such as "Permission denied"; they name no path."""
    return error.strerror or type(error).__name__


def unreadable(path: str | Path) -> str | None:
    """Return why the file *path* cannot be read, in the words of `os_error_reason`, or None when it can."""
    try:
        with Path(path).open("rb"):
            return None
    except OSError as error:
        return os_error_reason(error)
