"""The contracts of what surrounds a job: results and limits, images, keys, secrets.

All methods are async and obey a total deadline of their own; a store that does not answer raises
`StoreUnavailableError` within it. Values are opaque bytes or records without PII.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from proofing.contracts.records import StatusRecord
from proofing.contracts.vendor_gates import VendorGates

#: Every object key begins so; whatever else lies in a bucket is not ours to delete.
OBJECT_PREFIX = "captures/"
#: Tells of an object key whether nobody needs the object anymore.
IsFinished = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How far a counter has come.

    Attributes:
        count: attempts counted in the running window.
        seconds_left: until the window ends; 0 when none runs.
        counted: whether this call added one; False from `ResultStore.count` means that the limit holds.
    """

    count: int
    seconds_left: float
    counted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Mark:
    """A value that `ResultStore.admit` keeps only where nothing is stored under its key."""

    key: str
    value: bytes
    ttl_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One attempt that `ResultStore.admit` counts, as `ResultStore.count` does."""

    counter: str
    maximum: int
    window_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What came of `ResultStore.admit`.

    Attributes:
        taken: keys of marks that already existed.
        full: the first counter whose maximum was reached, with how far it has come; None when none was.
    """

    taken: frozenset[str] = frozenset()
    full: tuple[str, Usage] | None = None

    @property
    def granted(self) -> bool:
        """Whether everything was kept and counted; otherwise nothing was."""
        return not self.taken and self.full is None


@runtime_checkable
class Timekeeper(Protocol):
    """A backend with a clock of its own, by which `proofing.registry.clocks` measures how far ours is off."""

    async def time(self) -> float:
        """Return the backend's time in seconds since the epoch, requested now. Called while open."""


@runtime_checkable
class Diagnosable(Protocol):
    """A store or queue that can say more of its set-up than that it can be reached; all may, none must."""

    async def check(self) -> Sequence[str]:
        """Return what an operator should know or fix, one sentence each. Called while open."""


@runtime_checkable
class Pingable(Protocol):
    """A store or queue that answers a cheap question, for readiness; all may, none must."""

    async def ping(self) -> None:
        """Ask the backend something that shows that it serves this process.

        Called while open, every few seconds.
        Cheap for the backend and without side effects that last. Only an answer counts: nothing may be
        returned from memory.

        Raises:
            StoreUnavailableError, QueueUnavailableError: it does not serve us, with the kind of trouble.
        """


class ResultStore(VendorGates, Protocol):
    """Status records, sealed results, session blobs, limit counters and the gates before vendors.

    Expiry is by the store's clock.
    """

    async def open(self) -> None:
        """Connect. Raises `StoreUnavailableError`."""

    async def close(self) -> None:
        """Release everything that `open` acquired. Harmless when not open."""

    def now(self) -> float:
        """Return the store's time in seconds since the epoch, the one clock by which ages are judged.

        Follows from the answers that the store gives anyway: no call of its own, whatever this host's wall
        clock says. Called while open.
        """

    async def time(self) -> float:
        """Return the store's time, requested now. See `Timekeeper`."""

    async def begin(self, record: StatusRecord, *, ttl_seconds: float) -> bool:
        """Keep a record that is in progress; return False, changing nothing, when one already exists."""

    async def finish(
        self,
        record: StatusRecord,
        *,
        ttl_seconds: float,
        sealed_result: bytes | None = None,
        result_ttl_seconds: float = 60.0,
    ) -> StatusRecord:
        """Keep a terminal *record* and its result, wake all waiters, and return the effective record.

        The first end wins: when a terminal record already exists, nothing is changed and that one is
        returned. Writing is one atomic step. A record that was never begun, or was lost, is written.
        """

    async def update(self, record: StatusRecord, *, ttl_seconds: float) -> bool:
        """Keep *record*, which is in progress, in place of what is stored; False when that is an end. Atomic.

        Wakes all waiters when the record needs its person.
        """

    async def status(self, result_id: str) -> StatusRecord | None:
        """Return the record, or None when there is none (anymore)."""

    async def wait(
        self, result_id: str, *, timeout_seconds: float, ends_only: bool = False
    ) -> StatusRecord | None:
        """Return the record as soon as it is terminal, or in its current state after *timeout_seconds*.

        Unless *ends_only*, also as soon as it needs its person. Holds no connection or thread a waiter:
        hundreds wait on one process.
        """

    async def result(self, result_id: str) -> bytes | None:
        """Return the sealed result, leaving it; None when there is none (anymore)."""

    async def drop_result(self, result_id: str) -> bool:
        """Delete the sealed result; return whether there was one. Of many at once one removes it."""

    async def save(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        """Keep *value* under *key*, replacing any previous value and its expiry."""

    async def load(self, key: str) -> bytes | None:
        """Return the value under *key*, or None."""

    async def delete(self, key: str) -> None:
        """Delete what `save` kept under *key*. Harmless when nothing is there."""

    async def add(self, key: str, value: bytes, *, ttl_seconds: float) -> bool:
        """Store *value* only when *key* does not exist; return whether it was stored. Atomic."""

    async def compare_and_set(
        self,
        key: str,
        value: bytes,
        *,
        expected: bytes,
        ttl_seconds: float,
        consumes: str | None = None,
    ) -> bytes | None:
        """Keep *value* only in place of one that begins with *expected*; return what is stored. Atomic.

        Args:
            key: of the value.
            value: the new one.
            expected: how the stored value must begin, such as with its version.
            ttl_seconds: of the new value.
            consumes: result id whose sealed result is deleted once *value* is kept, never before.

        Returns:
            *value* when it was kept, another value when that one is stored, None when nothing is.
        """

    async def admit(self, *, marks: Sequence[Mark] = (), counts: Sequence[Count] = ()) -> Admission:
        """Keep all marks and count all attempts, or change nothing. One atomic step where the store can.

        A store whose keys lie on several servers takes the steps one after the other, and takes back what it
        did when one is refused; each single one is atomic.
        """

    async def add_member(self, key: str, member: bytes, *, ttl_seconds: float) -> None:
        """Add *member* to the set under *key*, all of which lives at least *ttl_seconds* more. Atomic."""

    async def members(self, key: str) -> frozenset[bytes]:
        """Return the set under *key*; empty when there is none."""

    async def drop_members(self, key: str) -> int:
        """Delete the set under *key* and return how many members it had."""

    async def erase(self, result_id: str) -> bool:
        """Delete status and result of one job; return whether something was there."""

    async def count(self, counter: str, *, maximum: int, window_seconds: float) -> Usage:
        """Add one and restart the window, or, when *maximum* is reached already, change nothing. Atomic.

        Returns the usage after the call.
        """

    async def usage(self, counter: str) -> Usage:
        """Return how far *counter* has come."""

    async def refund(self, counter: str) -> Usage:
        """Take one counted attempt back (never below 0), leaving the window as it is. Atomic."""

    async def reset(self, counter: str) -> bool:
        """Delete *counter*; return whether it existed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadConstraints:
    """What one pre-signed upload allows: exactly these bytes, once, under this key.

    Attributes:
        object_key: chosen by the server, never by the browser.
        length: of the body in bytes.
        sha256: of the body, 32 raw bytes.
        ttl_seconds: until the URL expires.
    """

    object_key: str
    length: int
    sha256: bytes
    ttl_seconds: float
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PresignedUpload:
    """Where and how the browser sends the ciphertext: HTTP PUT with exactly these headers.

    The URL is a bearer secret until it expires; it is never logged.
    """

    url: str
    headers: Mapping[str, str]
    expires_at: float


class ImageStore(Protocol):
    """Ciphertext of images for minutes. Never sees a key."""

    async def open(self) -> None:
        """Connect. Raises `StoreUnavailableError`."""

    async def close(self) -> None:
        """Release everything that `open` acquired. Harmless when not open."""

    async def presign(self, terms: UploadConstraints) -> PresignedUpload:
        """Make an upload that the store itself holds to *terms*."""

    async def read(self, object_key: str, *, max_bytes: int) -> bytes:
        """Return the object.

        Raises:
            ImageNotFoundError: there is none.
            StoreError: it is longer than *max_bytes*; no more than that was read.
        """

    async def delete(self, object_key: str) -> None:
        """Delete the object. Harmless when there is none."""

    async def sweep(self, *, older_than_seconds: float, is_over: IsFinished | None = None) -> int:
        """Delete every object that is older than that, or of whose key *is_over* says so; return how many."""

    def csp_connect_source(self, prefix: str) -> str:
        """Return the CSP source expression that allows uploads below the key *prefix* and nothing else.

        ``'self'`` for a store that the web server receives for.
        """


@runtime_checkable
class UploadReceiver(Protocol):
    """An image store without an endpoint of its own: the web server passes it the uploads."""

    async def receive(
        self,
        object_key: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: AsyncIterator[bytes],
    ) -> None:
        """Hold the request to the terms that `presign` signed, and keep the body.

        Args:
            object_key: from the path of the request.
            query: of the request, as signed.
            headers: of the request, names in lower case.
            body: read no further than the signed length.

        Raises:
            UploadRefusedError: a term is broken; nothing is kept.
        """


@dataclass(frozen=True, slots=True, repr=False)
class DataKey:
    """A fresh 32-byte key, in plain and as the key service wrapped it under the key *key_id*."""

    plaintext: bytes
    wrapped: bytes
    key_id: str


class KeyService(Protocol):
    """Makes and unwraps data keys; the master key never leaves it."""

    async def open(self) -> None:
        """Connect. Raises `StoreUnavailableError`."""

    async def close(self) -> None:
        """Release everything that `open` acquired. Harmless when not open."""

    async def generate(self, context: Mapping[str, str]) -> DataKey:
        """Make a data key bound to *context*, which holds opaque values only (it shows in audit trails)."""

    async def unwrap(self, wrapped: bytes, key_id: str, context: Mapping[str, str]) -> bytes:
        """Return the plain data key.

        Raises:
            EncryptionError: wrong context, unknown key, or not ours.
            StoreUnavailableError: the service does not answer.
        """


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secrets:
    """What a secret store holds for this environment.

    Attributes:
        values: deep-merged over the settings. Never printed.
        version: the store's own id of what was read; logged.
        source: where it came from, for problem messages; no credentials in it.
        author: who changed it last, as far as the store tells; logged.
        changed_at: when, in ISO 8601, as far as the store tells; logged.
    """

    values: Mapping[str, Any]
    version: str
    source: str
    author: str | None = None
    changed_at: str | None = None


class SecretStore(Protocol):
    """Loads the application's secrets, at launch."""

    async def load(self) -> Secrets:
        """Return the secrets.

        Raises:
            ConfigurationError: missing, unreadable by rule (mode), or malformed.
            StoreUnavailableError: the store does not answer.
        """


@runtime_checkable
class VersionedSecretStore(SecretStore, Protocol):
    """A secret store that is followed while processes run: switches in it need no restart."""

    async def version(self) -> str:
        """Return the version that `load` would return now. Called every second: cheap, and bounded in time.

        What it opens may stay open until `close`.

        Raises:
            ConfigurationError: there are no secrets anymore, or we may not read them.
            StoreUnavailableError: the store does not answer.
        """

    async def close(self) -> None:
        """Give back what `version` keeps open. Harmless when nothing is."""
