"""Reads licenses, ID cards and passports offline, from photos.

Document proofers, of which one is named in ``document_vendor``. They ask nobody, and decode and read on this
machine, in CPU children:

* ``reader``: the barcode on the back of licenses and ID cards of the United States.
* ``reader:ocr``: recognizes printed text as well. It reads the machine-readable zones of passport books and
  cards, and compares the front of a card with its barcode; what differs is advice in the findings.
* ``reader:cross_check``: for ``document_cross_check_vendor``. It reads the images alongside another document
  vendor, and says what the two have read differently; passports only where OCR is installed.

They *read*, which says nothing about whether a document is genuine. Only the signature of its issuer does,
which California's cards have since October 2025: with the setting ``document_requires: authenticated`` no
other document passes.

Settings, section ``reader`` of settings.yaml, all optional::

    reader:
      issuer_keys: /etc/proofing/issuer-keys    # folder; without it no signature is verified
      megabytes: 400        # memory of one CPU child that reads a barcode
      ocr_megabytes: 900    # memory of one CPU child that recognizes text
      ocr_seconds: 5        # of CPU, for the text of one photo
      search_seconds: 3     # of CPU, for which a barcode is searched in one photo
      timeout_seconds: 20   # one question, waiting for a CPU child included

Credentials: none. Least permissions: none; it has no network. ``proofing sample-card`` draws specimens to
try it with. Needs ``proofing[reader]``; ``reader:ocr`` also ``proofing[reader-ocr]``. Reference:
docs/vendors/reader.md
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from proofing.plugin import (
    ConfigurationError,
    DocumentType,
    PluginSettings,
    Problem,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    hookimpl,
)
from proofing_reader.settings import ReaderSettings

if TYPE_CHECKING:
    from proofing_reader.cross_check import CrossChecker
    from proofing_reader.proofer import CardReader

__all__ = ["ReaderSettings", "proofing_proofers", "proofing_settings"]

_READER, _WITH_OCR, _CROSS_CHECK = "reader", "reader:ocr", "reader:cross_check"
#: The documents with a barcode, and those with a machine-readable zone.
_WITH_BARCODE = frozenset(
    {DocumentType.DRIVERS_LICENSE, DocumentType.DRIVERS_PERMIT, DocumentType.STATE_ID_CARD}
)
_WITH_ZONE = frozenset({DocumentType.PASSPORT, DocumentType.PASSPORT_CARD})
#: What the extras install.
_LIBRARIES, _OCR_LIBRARIES = ("PIL", "zxingcpp"), ("numpy", "onnxruntime", "rapidocr")


#: What is compared of another vendor's reading.
_COMPARED = frozenset(
    {
        "address1",
        "address2",
        "city",
        "dob",
        "document_number",
        "eye_color",
        "first_name",
        "height",
        "issuing_country_code",
        "last_name",
        "middle_name",
        "name_suffix",
        "passport_expiration",
        "passport_issued",
        "sex",
        "state",
        "state_id_expiration",
        "state_id_issued",
        "state_id_jurisdiction",
        "state_id_number",
        "zipcode",
    }
)


def _make(settings: ReaderSettings, _process: ProcessContext) -> "CardReader":
    return _made(settings)


def _make_with_ocr(settings: ReaderSettings, _process: ProcessContext) -> "CardReader":
    for library in _OCR_LIBRARIES:
        if find_spec(library) is None:
            rule = f"needs {library}; install proofing[reader,reader-ocr]"
            raise ConfigurationError([Problem("settings", _WITH_OCR, rule)])
    return _made(settings, name=_WITH_OCR, reads_zones=True, compares_front=True)


def _make_cross_check(settings: ReaderSettings, _process: ProcessContext) -> "CrossChecker":
    from proofing_reader.cross_check import CrossChecker  # noqa: PLC0415 - loaded when first used

    has_ocr = all(map(find_spec, _OCR_LIBRARIES))
    return CrossChecker(_made(settings, name=_CROSS_CHECK, reads_zones=has_ocr))


def _made(
    settings: ReaderSettings,
    *,
    name: str = _READER,
    reads_zones: bool = False,
    compares_front: bool = False,
) -> "CardReader":
    from proofing_reader.proofer import CardReader  # noqa: PLC0415 - loaded when first used

    for library in _LIBRARIES:
        # CPU children import them, and only then would anybody notice.
        if find_spec(library) is None:
            raise ModuleNotFoundError(name=library)
    return CardReader(settings, name=name, reads_zones=reads_zones, compares_front=compares_front)


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``reader``."""
    return ReaderSettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return ``reader``, ``reader:ocr`` and ``reader:cross_check``."""
    return [
        ProoferDescriptor(
            name=_READER,
            kind=ProoferKind.DOCUMENT,
            make=_make,
            document_types=_WITH_BARCODE,
            timeout_seconds=lambda settings: settings.timeout_seconds,
            offline=True,
        ),
        ProoferDescriptor(
            name=_WITH_OCR,
            kind=ProoferKind.DOCUMENT,
            make=_make_with_ocr,
            document_types=_WITH_BARCODE | _WITH_ZONE,
            timeout_seconds=lambda settings: settings.timeout_seconds,
            offline=True,
        ),
        ProoferDescriptor(
            name=_CROSS_CHECK,
            kind=ProoferKind.DOCUMENT,
            make=_make_cross_check,
            attributes=_COMPARED,
            document_types=_WITH_BARCODE | _WITH_ZONE,
            compares_readings=True,
            timeout_seconds=lambda settings: settings.timeout_seconds,
            offline=True,
        ),
    ]
