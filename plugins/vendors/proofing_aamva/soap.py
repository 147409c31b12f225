"""One call of a SOAP 1.2 service of AAMVA, and its answer."""

from xml.etree.ElementTree import Element

from proofing.plugin import VendorContext, VendorError, VendorResponse
from proofing_aamva.faults import OK, require_answer

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"


async def call(
    context: VendorContext, url: str, action: str, message: str, *, what: str, timeout_seconds: float
) -> Element:
    """Send *message* and return the root of the answer.

    Args:
        context: of the question, or of a check.
        url: of the service.
        action: the SOAP action, without quotation marks.
        message: the envelope. Its UTF-8 bytes are sent as they are, since parts of it may be signed.
        what: names the call in errors.
        timeout_seconds: the most that the call may take.

    Raises:
        VendorError: there is no answer, its status is not 200, it is not valid XML, or it holds a fault.
    """
    headers = {"content-type": "application/soap+xml;charset=UTF-8", "soapaction": f'"{action}"'}
    try:
        response = await context.http.post(
            url, content=message.encode(), headers=headers, timeout_seconds=timeout_seconds
        )
        root = _root(response)
    except VendorError as error:
        raise error.amended(message=f"{what}: {error}") from None
    return require_answer(response, root, what)


def _root(response: VendorResponse) -> Element | None:
    """Return the root of the body; None for the body of an error status that is not XML."""
    try:
        return response.xml()
    except VendorError:
        if response.status == OK:
            raise
        return None
