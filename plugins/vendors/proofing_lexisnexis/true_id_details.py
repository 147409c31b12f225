"""TrueID's details: some 300 names with lists of values, in groups.

They hold the person's data and portrait. Nothing here is logged but the names of checks.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NotRequired

from pydantic import ConfigDict, TypeAdapter

# Pydantic requires both; before Python 3.12 it reads no other typed dictionaries.
from typing_extensions import TypedDict

from proofing.plugin import Side
from proofing_lexisnexis.assureid import RESULTS, Alert, Classification, ImageMetrics, alert_name

#: Result of the engine, class of the document, sex, alerts, and much else.
_RESULT = "AUTHENTICATION_RESULT"
#: What was read.
_FIELDS = "IDAUTH_FIELD_DATA"
#: Parallel lists, with one entry for each image.
_METRICS = "IMAGE_METRICS_RESULT"
#: The comparison of the selfie.
_PORTRAIT = "PORTRAIT_MATCH_RESULT"

_ALERT = re.compile(r"Alert_(?:(?P<number>[0-9]{1,3})_)?AlertName")
_SIDES = frozenset({"Front", "Back"})
_PASSED = "Passed"


# Plain dictionaries: objects for 300 values would take the event loop a millisecond more.
class _Value(TypedDict):
    Value: NotRequired[str | None]


class _Parameter(TypedDict):
    Group: str
    Name: str
    Values: NotRequired[list[_Value] | None]


_PARAMETERS = TypeAdapter(list[_Parameter], config=ConfigDict(strict=True, hide_input_in_errors=True))


class Details:
    """What the details of one product say.

    Attributes:
        result: what the engine comes to, one of `RESULTS`; None when it says nothing.
        sex: as the engine gives it.
        face_match, face_message: of the comparison of the selfie.
        fields: name to what was read; empty when nothing was.
        alerts: the checks that were not passed.
        passed: the names of those that were.
    """

    def __init__(self, parameters: Any) -> None:
        """Read *parameters*; of a name that repeats, the last one holds.

        Raises:
            ValueError: they are not of the documented form, or a verdict has a word that nobody knows.
        """
        groups: dict[str, dict[str, list[str | None]]] = {}
        for one in _PARAMETERS.validate_python([] if parameters is None else parameters):
            values = [_text(value.get("Value")) for value in one.get("Values") or ()]
            groups.setdefault(one["Group"], {})[one["Name"]] = values
        self._result = groups.get(_RESULT, {})
        self._metrics = groups.get(_METRICS, {})
        self.result = _known(_first(self._result, "DocAuthResult"))
        self.sex = _first(self._result, "Sex")
        portrait = groups.get(_PORTRAIT, {})
        self.face_match = _first(portrait, "FaceMatchResult")
        self.face_message = _first(portrait, "FaceErrorMessage")
        fields = groups.get(_FIELDS, {})
        self.fields: Mapping[str, str | None] = {name: _first(fields, name) for name in fields}
        checks = tuple(self._checks())
        self.alerts = tuple(check for check in checks if check.result != _PASSED)
        self.passed = frozenset(check.name for check in checks if check.result == _PASSED)

    @property
    def classification(self) -> Classification:
        """What the engine takes the document for, with the country that was read."""
        return Classification(
            class_name=_first(self._result, "DocClassName"),
            issue_type=_first(self._result, "DocIssueType"),
            country=self.fields.get("Fields_CountryCode"),
            issuer=_first(self._result, "DocIssuerType"),
        )

    def _checks(self) -> Iterator[Alert]:
        """Yield the single checks."""
        for key in self._result:
            found = _ALERT.fullmatch(key)
            if found is None:
                continue
            if found["number"] is None:
                raise ValueError
            result = _first(self._result, f"Alert_{found['number']}_AuthenticationResult")
            # Any other word than that of a passed check is one that was not passed.
            known = result if result in RESULTS else None
            yield Alert(name=alert_name(_first(self._result, key)), result=known)

    def images(self, front: Side) -> Iterator[ImageMetrics]:
        """Yield how good each image is; *front* is the side that TrueID calls so.

        Metrics decide nothing, so that one of another side, or that is not a number, is left out.
        """
        for number, side in enumerate(self._metrics.get("Side", [])):
            if side not in _SIDES:
                continue
            yield ImageMetrics(
                side=front if side == "Front" else Side.BACK,
                horizontal_resolution=self._number("HorizontalResolution", number),
                vertical_resolution=self._number("VerticalResolution", number),
                sharpness=self._number("SharpnessMetric", number),
                glare=self._number("GlareMetric", number),
            )

    def _number(self, name: str, place: int) -> float | None:
        """Return the number at *place* of a list; None where there is none."""
        values = self._metrics.get(name, [])
        try:
            number = float((values[place] if place < len(values) else None) or "")
        except ValueError:
            return None
        return number if math.isfinite(number) else None


def _text(value: str | None) -> str | None:
    """Return *value*; None for a blank one."""
    return value if value and not value.isspace() else None


def _first(group: Mapping[str, list[str | None]], name: str) -> str | None:
    values = group.get(name)
    return values[0] if values else None


def _known(result: str | None) -> str | None:
    """Return *result*. Raises ValueError: nobody knows it."""
    if result is not None and result not in RESULTS:
        raise ValueError
    return result
