"""The person on every document that the sandbox reads; nobody real."""

from dataclasses import dataclass
from datetime import UTC, date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """What a document says. Dates are ISO dates, `height` is in inches."""

    first_name: str = "ADA"
    middle_name: str = "M"
    last_name: str = "QUILL"
    dob: str = "1985-03-07"
    address1: str = "9 ELM ST"
    city: str = "TROY"
    #: One whose licensing agency answers by AAMVA.
    state: str = "MI"
    state_name: str = "MICHIGAN"
    zipcode: str = "48084"
    sex: str = "F"
    height: int = 66
    license_number: str = "900123456"
    passport_number: str = "900000012"
    passport_card_number: str = "C90000012"
    issued: str
    expires: str

    @property
    def card_mrz(self) -> tuple[str, str, str]:
        """The three lines of a passport card's machine-readable zone, with right check digits."""
        number, born, ends = self.passport_card_number, _short(self.dob), _short(self.expires)
        first = f"I<USA{number}{_check_digit(number)}".ljust(30, "<")
        second = f"{born}{_check_digit(born)}{self.sex}{ends}{_check_digit(ends)}USA".ljust(29, "<")
        all_digits = _check_digit(first[5:] + second[:7] + second[8:15] + second[18:29])
        names = f"{self.last_name}<<{self.first_name}<{self.middle_name}"
        return first, second + all_digits, names.ljust(30, "<")

    @property
    def mrz(self) -> tuple[str, str]:
        """The two lines of a passport book's machine-readable zone, with right check digits."""
        names = f"{self.last_name}<<{self.first_name}<{self.middle_name}"
        number, born, ends = self.passport_number, _short(self.dob), _short(self.expires)
        personal = "<" * 14
        fields = (
            number,
            _check_digit(number),
            born,
            _check_digit(born),
            ends,
            _check_digit(ends),
            personal,
            "0",
        )
        all_digits = _check_digit(
            f"{number}{fields[1]}{born}{fields[3]}{ends}{fields[5]}{personal}{fields[7]}"
        )
        line = f"{number}{fields[1]}USA{born}{fields[3]}{self.sex}{ends}{fields[5]}{personal}{fields[7]}"
        return f"P<USA{names}".ljust(44, "<"), line + all_digits


def specimen() -> Specimen:
    """Return the person, whose documents were issued a year ago and are valid for three more."""
    today = datetime.now(UTC).date()
    return Specimen(issued=_moved(today, years=-1).isoformat(), expires=_moved(today, years=3).isoformat())


def _moved(day: date, *, years: int) -> date:
    """Return the same day of another year, the 28th instead of a later one."""
    return date(day.year + years, day.month, min(day.day, 28))


def _short(iso_date: str) -> str:
    """Return a date as the machine-readable zone has it."""
    return iso_date.replace("-", "")[2:]


def _check_digit(text: str) -> str:
    """Return the check digit of ICAO Doc 9303, part 3, section 4.9."""
    values = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    weights = (7, 3, 1)
    return str(
        sum(max(0, values.find(character)) * weights[place % 3] for place, character in enumerate(text)) % 10
    )
