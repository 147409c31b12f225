"""The forty layouts of specimens: issuer, version of the standard, and how card and barcode look.

IINs are those that AAMVA assigns; colors and arrangements are our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: Issuer identification numbers of the issuers that have specimens; AAMVA, December 2023.
IINS: Mapping[str, str] = MappingProxyType(
    dict(
        item.split(":")
        for item in (
            "AZ:636026 CA:636014 CO:636020 CT:636006 FL:636010 GA:636055 IA:636018 IL:636035 IN:636037 "
            "KS:636022 KY:636046 LA:636007 MA:636002 MD:636003 ME:636041 MI:636032 MN:636038 MO:636030 "
            "NC:636004 NJ:636036 NM:636009 NV:636049 NY:636001 OH:636023 OK:636058 OR:636029 PA:636025 "
            "SC:636005 TN:636053 TX:636015 UT:636040 VA:636000 WI:636031"
        ).split()
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the cards of one issue look.

    Attributes:
        state: the issuer.
        version: of the AAMVA standard, 1 to 11.
        jurisdiction_version: the issuer's own, 0 to 99.
        card: ``DL`` or ``ID``.
        extra: whether there is a subfile of the issuer's own.
        columns: data columns of the barcode; level: of its error correction.
        module_mm: width of its narrowest bar; row_modules: height of a row in modules.
        top_mm: where the barcode begins on the back.
        quiet_mm: white around it.
        metric: height and weight in centimeters and kilograms.
        stripe: whether the back has a magnetic stripe; serial: whether it has a one-dimensional barcode.
        hue: of the design, 0 to 359 degrees; pattern: one of `PATTERNS`.
        upright: whether the front is vertical, as for young people.
    """

    state: str
    version: int
    jurisdiction_version: int = 0
    card: str = "DL"
    extra: bool = True
    columns: int = 13
    level: int = 5
    module_mm: float = 0.25
    row_modules: int = 3
    top_mm: float = 6.0
    quiet_mm: float = 1.0
    metric: bool = False
    stripe: bool = False
    serial: bool = True
    hue: int = 210
    pattern: str = "waves"
    upright: bool = False

    @property
    def iin(self) -> str:
        """Six digits of the issuer."""
        return IINS[self.state]


PATTERNS = ("waves", "rays", "rings", "hills")

#: state, version, columns, error level, module in mm, further attributes.
_TABLE: tuple[tuple[str, int, int, int, float, dict[str, object]], ...] = (
    ("MD", 1, 10, 4, 0.30, {"extra": False, "stripe": True}),
    ("SC", 1, 11, 5, 0.27, {"serial": False}),
    ("OH", 1, 9, 4, 0.33, {"extra": False}),
    ("CT", 2, 12, 5, 0.26, {}),
    ("KY", 2, 10, 5, 0.29, {"extra": False, "card": "ID"}),
    ("GA", 2, 13, 5, 0.25, {"stripe": True}),
    ("MI", 3, 11, 5, 0.28, {"extra": False}),
    ("IN", 3, 13, 5, 0.25, {"top_mm": 8.0}),
    ("NV", 3, 14, 5, 0.24, {"row_modules": 4, "level": 4}),
    ("TN", 3, 12, 4, 0.27, {"card": "ID"}),
    ("MA", 4, 13, 5, 0.25, {"serial": False}),
    ("NC", 4, 15, 5, 0.22, {}),
    ("FL", 4, 16, 5, 0.21, {"stripe": True, "top_mm": 18.0}),
    ("UT", 4, 12, 5, 0.28, {"metric": True}),
    ("PA", 5, 14, 5, 0.24, {}),
    ("NY", 5, 17, 5, 0.20, {"extra": False}),
    ("MO", 5, 13, 3, 0.26, {"card": "ID"}),
    ("LA", 5, 11, 5, 0.29, {}),
    ("WI", 6, 16, 5, 0.21, {}),
    ("NJ", 6, 13, 5, 0.25, {"upright": True}),
    ("AZ", 6, 12, 5, 0.28, {"extra": False}),
    ("IL", 7, 15, 5, 0.23, {}),
    ("KS", 7, 10, 5, 0.30, {"row_modules": 3, "extra": False}),
    ("OK", 7, 18, 5, 0.19, {"card": "ID"}),
    ("TX", 8, 16, 5, 0.22, {"top_mm": 16.0}),
    ("CO", 8, 13, 5, 0.26, {}),
    ("VA", 8, 14, 5, 0.24, {"serial": False}),
    ("MN", 8, 17, 5, 0.20, {"extra": False}),
    ("IA", 8, 12, 4, 0.28, {"card": "ID", "upright": True}),
    ("CA", 9, 15, 5, 0.23, {"top_mm": 14.0}),
    ("NM", 9, 13, 5, 0.26, {}),
    ("OR", 9, 18, 5, 0.19, {"extra": False}),
    ("ME", 9, 16, 4, 0.21, {"metric": True}),
    ("SC", 9, 20, 5, 0.17, {"serial": False}),
    ("CA", 10, 17, 5, 0.20, {"jurisdiction_version": 2}),
    ("NY", 10, 16, 5, 0.21, {"card": "ID"}),
    ("FL", 10, 14, 5, 0.25, {"top_mm": 20.0}),
    ("VA", 10, 13, 5, 0.26, {"upright": True}),
    ("TX", 11, 16, 5, 0.21, {}),
    ("WI", 11, 19, 5, 0.18, {"card": "ID", "serial": False}),
)


def _layout(at: int) -> Layout:
    state, version, columns, level, module_mm, more = _TABLE[at]
    given: dict[str, object] = {
        "jurisdiction_version": 0 if version == 1 else at % 4,
        "hue": at * 67 % 360,
        "pattern": PATTERNS[at % len(PATTERNS)],
        "level": level,
        **more,
    }
    return Layout(state=state, version=version, columns=columns, module_mm=module_mm, **given)  # type: ignore[arg-type]


LAYOUTS: tuple[Layout, ...] = tuple(_layout(at) for at in range(len(_TABLE)))
