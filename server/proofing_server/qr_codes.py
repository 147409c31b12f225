"""QR codes as SVG elements, for pages whose policy allows no inline style."""

import io


def qr_svg(text: str) -> str:
    """Return a QR code of *text* as an SVG element without styles."""
    import segno  # noqa: PLC0415 - a twentieth of a second that no start has to wait for

    written = io.BytesIO()
    segno.make_qr(text).save(
        written, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=2, svgclass="qr", lineclass=None
    )
    return written.getvalue().decode()
