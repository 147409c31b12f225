"""A vendor for tests: documents with a selfie, and resolution by county."""

from proofing.plugin import Maturity, ProoferDescriptor, ProoferKind, hookimpl


def _make_document(_settings, _process):
    from proofing_face.proofers import Document  # noqa: PLC0415 - loaded when first used

    return Document()


def _make_resolution(_settings, _process):
    from proofing_face.proofers import Resolution  # noqa: PLC0415 - loaded when first used

    return Resolution()


@hookimpl
def proofing_proofers():
    """Return both products."""
    return [
        ProoferDescriptor(
            name="face:document",
            kind=ProoferKind.DOCUMENT,
            make=_make_document,
            needs_selfie=True,
            company="Face Vendor",
            maturity=Maturity.MOCK,
        ),
        ProoferDescriptor(
            name="face:resolution",
            kind=ProoferKind.RESOLUTION,
            make=_make_resolution,
            attributes=frozenset({"county"}),
            maturity=Maturity.MOCK,
        ),
    ]
