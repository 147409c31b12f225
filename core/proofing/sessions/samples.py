"""What a person who does not exist enters: for `proofing smoke`, and in tests."""

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType

#: A value, or what makes one for each run.
Sample = str | Callable[[], str]

#: Nobody has this number: 555-0100 to 555-0199 are reserved for fiction.
PHONE = "(202) 555-0143"
EMAIL = "fakey@example.com"
#: By field of the form.
ADDRESS: Mapping[str, Sample] = MappingProxyType(
    {"address1": "1 FAKE RD", "city": "GREAT FALLS", "state": "MT", "zipcode": "59010"}
)
#: The person whose sample ID the mock reads; mocks of licensing agencies know them.
IDENTITY: Mapping[str, Sample] = MappingProxyType(
    {
        "first_name": "FAKEY",
        "last_name": "MCFAKERSON",
        "dob_month": "10",
        "dob_day": "06",
        "dob_year": "1938",
        "document_type_received": "drivers_license",
        "state_id_number": "1111111111111",
        "state_id_jurisdiction": "ND",
    }
)


def make_test_ssn() -> str:
    """Return a random SSN that nobody has and that mock vendors resolve.

    No SSN begins with 9; the groups 01 to 49 of such numbers are no ITIN either (IRS, Internal Revenue Manual
    3.21.263). A number of its own for each run, because one number may be submitted only so often.
    """
    return f"900-{secrets.randbelow(49) + 1:02d}-{secrets.randbelow(9999) + 1:04d}"
