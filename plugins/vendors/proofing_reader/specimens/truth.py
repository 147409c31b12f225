"""What a reader must make of a specimen: values of an `Applicant`, from the person, not the barcode."""

from proofing_reader.specimens.layouts import Layout
from proofing_reader.specimens.people import Person

_SEXES = {"M": "male", "F": "female", "X": None}
_CARDS = {"DL": "drivers_license", "ID": "state_id_card"}


def expected_of(person: Person, layout: Layout) -> dict[str, object]:
    """Return the attributes that the barcode of *person* in *layout* has, by name."""
    zipcode = person.zipcode
    return {
        "first_name": person.given,
        "middle_name": person.middle,
        "last_name": person.family,
        "name_suffix": person.suffix,
        "dob": person.birth.isoformat(),
        "sex": _SEXES[person.sex],
        "height": person.height,
        "eye_color": person.eyes,
        "address1": person.street,
        "address2": person.unit,
        "city": person.city,
        "state": person.state,
        "zipcode": zipcode if len(zipcode) == 5 else f"{zipcode[:5]}-{zipcode[5:]}",  # noqa: PLR2004 - digits
        "state_id_number": person.number,
        "state_id_jurisdiction": person.state,
        "state_id_issued": person.issued.isoformat(),
        "state_id_expiration": person.expires.isoformat(),
        "document_type_received": _CARDS[layout.card],
    }
