"""The contract suite of image stores: slots that hold what they were signed for, once, and nothing else.

Subclass `ImageStoreContract` and say how to make a store. A store that is not an `UploadReceiver` also says
how an upload reaches it (`put`), over real HTTP.
"""

import asyncio
import base64
import hashlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from proofing.base.errors import ImageNotFoundError, StoreError, StoreUnavailableError, UploadRefusedError
from proofing.contracts.stores import ImageStore, UploadConstraints, UploadReceiver
from proofing.testing.image_slots import is_accepted, make_terms, replace_header, spoil, with_query
from proofing.testing.injections import Calls, assert_unavailable, extended, foreign_errors
from proofing.testing.store_basis import GIVE_UP_SECONDS, LIFE_SECONDS
from proofing.testing.waiting import eventually

_CREATED = 201
_ALREADY_THERE = 412
_CHUNK_BYTES = 16 * 1024


class ImageStoreContract(ABC):
    """What every image store does, and the abuses it refuses."""

    #: The path below which the web server receives, for an `UploadReceiver`.
    upload_path = "/uploads/"

    @abstractmethod
    def make_store(self) -> ImageStore:
        """Return a store that is not open yet; each call returns another view of the same data."""

    @abstractmethod
    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Have whatever library, database or disk the backend calls raise *error* from now on."""

    def make_unreachable_store(self) -> ImageStore | None:
        """Return a store whose backend does not answer, or None to skip those tests."""
        return None

    async def put(self, store: ImageStore, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send *body* as a browser would and return the HTTP status.

        The Content-Length header is the length of *body*, unless *headers* sets another.
        """
        assert isinstance(store, UploadReceiver), "override put() for a store with an endpoint of its own"
        parts = urlsplit(url)
        path = unquote(parts.path)
        assert path.startswith(self.upload_path)
        lower = {name.lower(): value for name, value in headers.items()}
        lower.setdefault("content-length", str(len(body)))

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(body), _CHUNK_BYTES):
                yield body[start : start + _CHUNK_BYTES]

        try:
            await store.receive(
                path.removeprefix(self.upload_path),
                query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                headers=lower,
                body=chunks(),
            )
        except UploadRefusedError as refused:
            return refused.status
        return _CREATED

    @pytest.fixture
    async def store(self) -> AsyncIterator[ImageStore]:
        """Give an open store."""
        store = self.make_store()
        await store.open()
        yield store
        await store.close()

    @foreign_errors
    async def test_foreign_exceptions_are_unavailable(
        self,
        store: ImageStore,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        foreign: Exception,
    ) -> None:
        """Whatever the library raises is `StoreUnavailableError` at every method, and the store recovers."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        other = self.make_store()
        with monkeypatch.context() as broken:
            self.break_library(broken, foreign)
            calls: Calls = {
                "open": other.open,
                "read": lambda: store.read(terms.object_key, max_bytes=terms.length),
                "delete": lambda: store.delete(terms.object_key),
                "sweep": lambda: store.sweep(older_than_seconds=LIFE_SECONDS),
            }
            if isinstance(store, UploadReceiver):
                calls["receive"] = lambda: self.put(store, upload.url, upload.headers, body)
            else:
                # Signs over its library, which may have to fetch credentials.
                calls["presign"] = lambda: store.presign(make_terms()[0])
            calls = extended(calls, store, ImageStore, without={"presign"})
            await assert_unavailable(calls, StoreUnavailableError, foreign, caplog)
            await other.close()
        assert is_accepted(await self.put(store, upload.url, upload.headers, body))
        assert await store.read(terms.object_key, max_bytes=len(body)) == body

    # What is allowed

    async def test_upload_read_delete(self, store: ImageStore) -> None:
        """What was uploaded is read back byte for byte, until it is deleted."""
        terms, body = make_terms(300_000)
        upload = await store.presign(terms)
        assert is_accepted(await self.put(store, upload.url, upload.headers, body))
        assert await store.read(terms.object_key, max_bytes=len(body)) == body
        await store.delete(terms.object_key)
        with pytest.raises(ImageNotFoundError):
            await store.read(terms.object_key, max_bytes=len(body))
        await store.delete(terms.object_key)

    async def test_smallest_upload(self, store: ImageStore) -> None:
        """One byte is an upload too."""
        terms, body = make_terms(1)
        upload = await store.presign(terms)
        assert is_accepted(await self.put(store, upload.url, upload.headers, body))
        assert await store.read(terms.object_key, max_bytes=1) == body

    async def test_other_process_reads(self, store: ImageStore) -> None:
        """The worker reads what the web process let in."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        await self.put(store, upload.url, upload.headers, body)
        other = self.make_store()
        await other.open()
        try:
            assert await other.read(terms.object_key, max_bytes=len(body)) == body
        finally:
            await other.close()

    async def test_headers_are_those_of_the_slot_protocol(self, store: ImageStore) -> None:
        """The browser is told to send type, checksum and *only if absent*."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        lower = {name.lower(): value for name, value in upload.headers.items()}
        assert lower["content-type"] == terms.content_type
        assert lower["if-none-match"] == "*"
        assert lower["x-amz-checksum-sha256"] == base64.b64encode(hashlib.sha256(body).digest()).decode()

    async def test_upload_source_allows_the_upload(self, store: ImageStore) -> None:
        """The CSP source is ``'self'`` or a prefix of the upload's URL, without wildcard."""
        terms, _ = make_terms()
        source = store.csp_connect_source(terms.object_key.rpartition("/")[0] + "/")
        url = (await store.presign(terms)).url
        if source == "'self'":
            assert url.startswith("/")
        else:
            assert "*" not in source
            assert url.startswith(source)

    # What is refused

    async def test_slot_is_used_once(self, store: ImageStore) -> None:
        """A second upload is refused and changes nothing."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        assert is_accepted(await self.put(store, upload.url, upload.headers, body))
        assert await self.put(store, upload.url, upload.headers, body) == _ALREADY_THERE
        assert await store.read(terms.object_key, max_bytes=len(body)) == body

    async def test_second_slot_does_not_overwrite(self, store: ImageStore) -> None:
        """A fresh URL for a key that is taken does not replace the object."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        await self.put(store, upload.url, upload.headers, body)
        other_terms, other_body = make_terms(object_key=terms.object_key)
        other = await store.presign(other_terms)
        assert await self.put(store, other.url, other.headers, other_body) == _ALREADY_THERE
        assert await store.read(terms.object_key, max_bytes=len(body)) == body

    async def test_parallel_uploads_let_one_in(self, store: ImageStore) -> None:
        """Of many uploads to one slot at once, one is kept."""
        terms, body = make_terms(100_000)
        upload = await store.presign(terms)
        statuses = await asyncio.gather(
            *(self.put(store, upload.url, upload.headers, body) for _ in range(6))
        )
        assert sum(is_accepted(status) for status in statuses) == 1
        assert await store.read(terms.object_key, max_bytes=len(body)) == body

    async def test_other_body_of_same_length(self, store: ImageStore) -> None:
        """Bytes with another checksum are refused."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        await self.assert_refused(store, terms, upload.url, upload.headers, bytes(len(body)))

    async def test_other_body_with_its_own_checksum(self, store: ImageStore) -> None:
        """A checksum header that fits the body, but not the slot, is refused."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        other = bytes(len(body))
        headers = replace_header(
            upload, "x-amz-checksum-sha256", base64.b64encode(hashlib.sha256(other).digest()).decode()
        )
        await self.assert_refused(store, terms, upload.url, headers, other)

    @pytest.mark.parametrize("difference", [-1, 1, 100_000])
    async def test_other_length(self, store: ImageStore, difference: int) -> None:
        """A shorter or longer body is refused."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        wrong = (body + bytes(100_000))[: len(body) + difference]
        await self.assert_refused(store, terms, upload.url, upload.headers, wrong)

    async def test_empty_body(self, store: ImageStore) -> None:
        """No body is not an upload."""
        terms, _ = make_terms()
        upload = await store.presign(terms)
        await self.assert_refused(store, terms, upload.url, upload.headers, b"")

    @pytest.mark.parametrize("content_type", ["image/jpeg", "text/html", ""])
    async def test_other_content_type(self, store: ImageStore, content_type: str) -> None:
        """Another type is refused, whatever the bytes are."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        headers = replace_header(upload, "content-type", content_type)
        await self.assert_refused(store, terms, upload.url, headers, body)

    @pytest.mark.parametrize("name", ["content-type", "if-none-match", "x-amz-checksum-sha256"])
    async def test_missing_header(self, store: ImageStore, name: str) -> None:
        """Every header of the slot must be sent."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        await self.assert_refused(store, terms, upload.url, replace_header(upload, name, None), body)

    async def test_other_condition(self, store: ImageStore) -> None:
        """*Only if absent* cannot be turned into something else."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        headers = replace_header(upload, "if-none-match", '"etag"')
        await self.assert_refused(store, terms, upload.url, headers, body)

    async def test_every_query_value_is_signed(self, store: ImageStore) -> None:
        """Changing or leaving out any part of the URL's query is refused."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        query = parse_qsl(urlsplit(upload.url).query, keep_blank_values=True)
        assert query
        for name, value in query:
            changed = [(n, spoil(v) if n == name else v) for n, v in query]
            await self.assert_refused(store, terms, with_query(upload.url, changed), upload.headers, body)
            removed = [(n, v) for n, v in query if n != name]
            await self.assert_refused(store, terms, with_query(upload.url, removed), upload.headers, body)
            assert value is not None
        await self.assert_refused(store, terms, with_query(upload.url, []), upload.headers, body)

    async def test_url_of_another_object(self, store: ImageStore) -> None:
        """A signature is good for its own key only."""
        terms, body = make_terms()
        other_terms, _ = make_terms()
        upload = await store.presign(terms)
        url = upload.url.replace(terms.object_key, other_terms.object_key)
        assert url != upload.url
        await self.assert_refused(store, other_terms, url, upload.headers, body)

    @pytest.mark.parametrize(
        "key", ["../escape", "a/../../escape", "/etc/escape", "a//b", "a/\x00", ".", ".."]
    )
    async def test_key_that_climbs(self, store: ImageStore, key: str) -> None:
        """The URL of a good slot, bent to a path that climbs, is refused."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        url = upload.url.replace(terms.object_key, key.replace("\x00", "%00"))
        assert not is_accepted(await self.put(store, url, upload.headers, body))

    async def test_expired_url(self, store: ImageStore) -> None:
        """After its life the URL is refused."""
        terms, body = make_terms(ttl_seconds=1.0)
        upload = await store.presign(terms)
        await eventually(lambda: time.time() > upload.expires_at + 1.0)
        await self.assert_refused(store, terms, upload.url, upload.headers, body)

    async def test_refused_upload_leaves_the_slot_usable(self, store: ImageStore) -> None:
        """After a broken attempt the person may try again with the same slot."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        await self.assert_refused(store, terms, upload.url, upload.headers, body[:-1])
        assert is_accepted(await self.put(store, upload.url, upload.headers, body))

    # Reading, sweeping, silence

    async def test_read_of_unknown_object(self, store: ImageStore) -> None:
        """What was never uploaded is not found."""
        with pytest.raises(ImageNotFoundError):
            await store.read(make_terms()[0].object_key, max_bytes=10)

    async def test_read_obeys_cap(self, store: ImageStore) -> None:
        """An object longer than the cap is an error."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        await self.put(store, upload.url, upload.headers, body)
        with pytest.raises(StoreError):
            await store.read(terms.object_key, max_bytes=len(body) - 1)

    async def test_sweep_spares_the_young(self, store: ImageStore) -> None:
        """The sweep deletes what is old enough and counts it."""
        terms, body = make_terms()
        upload = await store.presign(terms)
        await self.put(store, upload.url, upload.headers, body)
        assert await store.sweep(older_than_seconds=3600.0) == 0
        assert await store.read(terms.object_key, max_bytes=len(body)) == body

        async def is_swept() -> bool:
            return await store.sweep(older_than_seconds=0.0) == 1

        await eventually(is_swept)
        with pytest.raises(ImageNotFoundError):
            await store.read(terms.object_key, max_bytes=len(body))

    async def test_sweep_of_what_is_over(self, store: ImageStore) -> None:
        """Young objects that are reported as over are deleted, others stay; keys are passed as signed."""
        bodies = {}
        for _ in range(3):
            terms, body = make_terms()
            upload = await store.presign(terms)
            await self.put(store, upload.url, upload.headers, body)
            bodies[terms.object_key] = body
        over = min(bodies)
        asked = []

        async def is_over(object_key: str) -> bool:
            asked.append(object_key)
            return object_key == over

        assert await store.sweep(older_than_seconds=3600.0, is_over=is_over) == 1
        assert sorted(asked) == sorted(bodies)
        for object_key in set(bodies) - {over}:
            assert await store.read(object_key, max_bytes=len(bodies[object_key])) == bodies[object_key]
        with pytest.raises(ImageNotFoundError):
            await store.read(over, max_bytes=1)

    async def test_url_is_neither_printed_nor_logged(
        self, store: ImageStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The URL is a bearer secret: no repr and no log line holds it or its signature."""
        terms, body = make_terms()
        with caplog.at_level(logging.DEBUG):
            upload = await store.presign(terms)
            await self.put(store, upload.url, upload.headers, bytes(len(body)))
            await self.put(store, upload.url, upload.headers, body)
            await store.read(terms.object_key, max_bytes=len(body))
        signature = max((value for _, value in parse_qsl(urlsplit(upload.url).query)), key=len)
        assert upload.url not in repr(upload)
        assert signature not in repr(upload)
        assert signature not in caplog.text

    async def test_close_is_harmless(self) -> None:
        """`close` may come before `open` and twice."""
        store = self.make_store()
        await store.close()
        await store.open()
        await store.close()
        await store.close()

    async def test_unreachable_backend_is_reported_in_time(self) -> None:
        """A backend that does not answer is an error within the store's own deadline."""
        store = self.make_unreachable_store()
        if store is None:
            pytest.skip("no unreachable store to test with")

        async def use() -> None:
            await store.open()
            await store.read(make_terms()[0].object_key, max_bytes=10)

        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(use(), GIVE_UP_SECONDS)
        await store.close()

    async def assert_refused(
        self, store: ImageStore, terms: UploadConstraints, url: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Check that the upload is refused and that nothing is kept."""
        assert not is_accepted(await self.put(store, url, headers, body))
        with pytest.raises(ImageNotFoundError):
            await store.read(terms.object_key, max_bytes=10_000_000)
