"""The proofer: has photos of a document read in CPU children, and barcode, zone and print understood."""

import base64
import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from proofing.plugin import (
    Cause,
    CPUFailure,
    CPUWorkError,
    DocumentResult,
    DocumentType,
    FindingCode,
    Image,
    Outcome,
    ProofingContext,
    ProofingRequest,
    Side,
    VendorContext,
    VendorError,
)
from proofing_reader.aamva import read_barcode
from proofing_reader.authenticity import with_signature
from proofing_reader.card import Card, RefusalCode, Refused
from proofing_reader.compare import RecognizedText
from proofing_reader.issuer_key_files import IssuerKeyFiles
from proofing_reader.issuers import USA, UTOPIA
from proofing_reader.printed import read_zone, recognized, with_print
from proofing_reader.results import VENDOR_NAME, Read, accepted, refused
from proofing_reader.settings import ReaderSettings
from proofing_reader.signed_barcodes import check_signature

_READ_BACK = "proofing_reader.vision:read_back"
_READ_PRINT = "proofing_reader.print_reading:read_print"
#: Failures of the child that its bytes cause; others say nothing about the photo.
_BROKEN_BY_IMAGE = frozenset({CPUFailure.CRASH, CPUFailure.MEMORY, CPUFailure.PROCESSOR, CPUFailure.RAISED})
#: Seconds of CPU in which a search whose time is over ends by itself; the kernel does not wait any longer.
_SECONDS_TO_END = 1
#: What is found in a photo without a barcode that can be used: `proofing_reader.vision.Reading`.
_READINGS: Mapping[str, FindingCode] = MappingProxyType(
    {
        "undecodable": FindingCode.IMAGE_UNREADABLE,
        "absent": FindingCode.BARCODE_UNREADABLE,
        "unreadable": FindingCode.BARCODE_UNREADABLE,
        "uncertain": FindingCode.BARCODE_UNREADABLE,
        "inverted": FindingCode.BARCODE_UNREADABLE,
        "several": FindingCode.SIDES_DIFFER,
    }
)
#: `proofing_reader.vision.Quality`.
_QUALITIES: Mapping[str, FindingCode] = MappingProxyType(
    {
        "blur": FindingCode.BLUR,
        "glare": FindingCode.GLARE,
        "low_resolution": FindingCode.LOW_RESOLUTION,
    }
)
#: Why a barcode is not accepted, where it is not what such a barcode holds.
_REFUSALS: Mapping[RefusalCode, FindingCode] = MappingProxyType(
    {
        RefusalCode.ENCRYPTED: FindingCode.UNSUPPORTED_DOCUMENT,
        RefusalCode.ISSUER: FindingCode.UNSUPPORTED_DOCUMENT,
        RefusalCode.UNSUPPORTED: FindingCode.UNSUPPORTED_DOCUMENT,
        RefusalCode.VERSION: FindingCode.NOT_RECOGNIZED,
    }
)


class CardReader:
    """Reads a card or passport; says that it is genuine only where its issuer's signature is authentic."""

    def __init__(
        self,
        settings: ReaderSettings,
        *,
        name: str = VENDOR_NAME,
        reads_zones: bool = False,
        compares_front: bool = False,
    ) -> None:
        """Take the limits from *settings*, and the *name* of the proofer; zones and fronts need OCR."""
        self._settings = settings
        self._name = name
        self._reads_zones = reads_zones
        self._compares_front = compares_front
        self._issuer_keys = IssuerKeyFiles(settings.issuer_keys)

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> DocumentResult:
        """Read the zone of a passport, or the barcode of a card, which the front is compared with."""
        return (await self.read(request, context)).result

    async def read(self, request: ProofingRequest, context: ProofingContext) -> Read:
        """Return what `proof` does, with the card that it is about."""
        try:
            read = await self._read(request, context)
        except _UnreadableError as error:
            read = Read(refused(FindingCode.IMAGE_UNREADABLE, error.reason, side=error.side))
        return replace(read, result=replace(read.result, vendor_name=self._name))

    async def _read(self, request: ProofingRequest, context: ProofingContext) -> Read:
        page = request.images.get(Side.PASSPORT)
        if page is not None:
            return await self._read_zone(page, DocumentType.PASSPORT, Side.PASSPORT, context)
        return await self._read_card(request, context)

    async def _read_card(self, request: ProofingRequest, context: ProofingContext) -> Read:
        back = request.images.get(Side.BACK)
        if back is None:
            raise VendorError(Cause.BAD_REQUEST, "there is no image of the back", vendor_name=self._name)
        is_passport_card = request.wanted.document_types == {DocumentType.PASSPORT_CARD}
        if is_passport_card:
            return await self._read_zone(back, DocumentType.PASSPORT_CARD, Side.BACK, context)
        found = await self._read_back(back, context)
        if (payload := found["payload"]) is None:
            reading = found["reading"] or ""
            quality = _QUALITIES.get(found["quality"] or "")
            return Read(refused(quality or _READINGS[reading], f"barcode_{reading}"))
        try:
            card = read_barcode(base64.b64decode(payload), today=context.now().date())
        except Refused as no:
            code = _REFUSALS.get(no.code, FindingCode.BARCODE_CONTENT)
            return Read(refused(code, f"barcode_{no.code}"))
        keys = await self._issuer_keys.keys(context.now())
        result = with_signature(_judged(card), check_signature(card, issuers=keys, now=context.now()))
        front = request.images.get(Side.FRONT)
        if result.outcome is not Outcome.PASSED:
            return Read(result)
        if front is None or not self._compares_front:
            return Read(result, card)
        return Read(with_print(result, card, await self._read_print(front, Side.FRONT, context)), card)

    async def _read_zone(
        self, image: Image, kind: DocumentType, side: Side, context: ProofingContext
    ) -> Read:
        if not self._reads_zones:
            return Read(refused(FindingCode.UNSUPPORTED_DOCUMENT, "passport_not_read", side=side))
        lines = await self._read_print(image, side, context)
        return read_zone(lines, kind, side=side, today=context.now().date())

    async def check(self, context: VendorContext) -> str | None:
        """Return what is wrong with the keys of issuers."""
        return await self._issuer_keys.problem(context.now())

    async def _read_back(self, back: Image, context: ProofingContext) -> Mapping[str, str | None]:
        """Return what `proofing_reader.vision.read_back` does."""
        seconds, megabytes = self._settings.search_seconds, self._settings.megabytes
        bounds = {"megabytes": megabytes, "cpu_seconds": math.ceil(seconds) + _SECONDS_TO_END}
        found: Mapping[str, str | None] = await _in_child(
            _READ_BACK, back, Side.BACK, {"seconds": seconds}, context, bounds=bounds
        )
        return found

    async def _read_print(self, image: Image, side: Side, context: ProofingContext) -> list[RecognizedText]:
        """Return the lines of text that `proofing_reader.print_reading.read_print` finds."""
        seconds, megabytes = self._settings.ocr_seconds, self._settings.ocr_megabytes
        bounds = {"megabytes": megabytes, "cpu_seconds": seconds}
        found = await _in_child(_READ_PRINT, image, side, {"seconds": seconds}, context, bounds=bounds)
        if not found["decoded"]:
            raise _UnreadableError(side, "print_undecodable")
        return recognized(found)


class _UnreadableError(Exception):
    """The bytes of an image break what reads them."""

    def __init__(self, side: Side, reason: str) -> None:
        super().__init__(reason)
        self.side = side
        self.reason = reason


async def _in_child(
    function: str,
    image: Image,
    side: Side,
    args: object,
    context: ProofingContext,
    *,
    bounds: Mapping[str, int],
) -> Any:
    """Call *function* with an image, within *bounds* of `CPUWork`.

    Raises:
        CPUWorkError: there is no answer.
        _UnreadableError: and the image is why.
    """
    seconds = context.remaining_seconds()
    try:
        return await context.cpu(function, image.content, args, seconds=seconds, **bounds)
    except CPUWorkError as error:
        if error.failure in _BROKEN_BY_IMAGE:
            raise _UnreadableError(side, f"cpu_{error.failure}") from None
        raise


def _judged(card: Card) -> DocumentResult:
    """Return what *card* says; a card of another country than ours is not accepted."""
    if card.country not in {USA, UTOPIA}:
        return refused(FindingCode.UNSUPPORTED_DOCUMENT, "barcode_country")
    return accepted(card, DocumentType(card.applicant.document_type_received or DocumentType.OTHER))
