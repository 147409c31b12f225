"""Settings that are links: types of what pages show, as help or privacy, and what an origin is."""

import re
from typing import Annotated

from pydantic import AfterValidator

from proofing.base.hosts import check_hosts, hosts_of, is_host
from proofing.contracts.applicant import parse_phone

MAX_PORT = 65_535
#: What browsers send in the header Origin.
_ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?")
#: Links to other sites.
URL = re.compile(r"https?://[^\s/?#\\][^\s\\]*")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)")


def is_origin(text: str) -> bool:
    """Return whether *text* is an origin, with a port that exists if it names one."""
    found = _ORIGIN.fullmatch(text)
    return found is not None and (found[2] is None or 1 <= int(found[2][1:]) <= MAX_PORT)


def _is_https(text: str) -> bool:
    """Return whether *text* is an https URL."""
    return text.startswith("https://") and URL.fullmatch(text) is not None


def _is_email(text: str) -> bool:
    """Return whether *text* is an email address."""
    found = _EMAIL.fullmatch(text)
    return found is not None and is_host(found[1])


def _https(text: str) -> str:
    if not _is_https(text):
        raise ValueError("must be an https URL")
    check_hosts(hosts_of(text))
    return text


def _email(text: str) -> str:
    if not _is_email(text):
        raise ValueError("must be an email address such as help@example.gov")
    return text


def _phone(text: str) -> str:
    if parse_phone(text) is None:
        raise ValueError("must be a US phone number with 10 digits, such as '202-555-0143'")
    return text


def _link(text: str) -> str:
    scheme, _, rest = text.partition(":")
    mails = scheme == "mailto" and _is_email(rest)
    calls = scheme == "tel" and not re.search(r"\s", rest) and parse_phone(rest) is not None
    if not (mails or calls or _is_https(text)):
        raise ValueError(
            "must be an https URL, mailto: with an email address, or tel: with a US phone number"
        )
    check_hosts(hosts_of(text))
    return text


#: A page of another site.
HTTPSLink = Annotated[str, AfterValidator(_https)]
#: A page of another site, a mail, or a call.
Link = Annotated[str, AfterValidator(_link)]
EmailAddress = Annotated[str, AfterValidator(_email)]
PhoneNumber = Annotated[str, AfterValidator(_phone)]
