"""What the contract suites of vendors look for in logs, errors and results."""

import logging
import re
import socket
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest import mock

from pydantic import BaseModel, SecretStr

from proofing.base.errors import Cause, ProofingError, VendorError
from proofing.base.log_output import FOREIGN
from proofing.base.logs import JSONFormatter
from proofing.contracts.applicant import ATTRIBUTES
from proofing.contracts.processes import ProcessContext
from proofing.contracts.results import DocumentResult, Match, Outcome, VendorResult
from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import make_process

#: Codes are short and hold no free text.
_CODE = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
#: Vendors give their checks names of several words.
_FINDING = re.compile(r"[A-Za-z0-9_.:/ -]{1,64}")
#: These write whole URLs and bodies; in a real process they are off.
_SWITCHED_OFF = frozenset(FOREIGN)
#: Names of attributes that are not the applicant's own.
_COLLECTIVE_ATTRIBUTES = frozenset({"address", "name", "dead", "unknown"})


@contextmanager
def watch_logs(canary: Canary) -> Iterator[None]:
    """Collect the log records of all loggers, and fail when *canary* is in one.

    Raises:
        AssertionError: names the leaked value and its spelling.
    """
    handler = _Collector()
    loggers = [logging.getLogger(), logging.getLogger("proofing")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
    leaks = canary.find_leaks("\n".join(handler.lines))
    assert not leaks, f"the logs hold {leaks}"


class _Collector(logging.Handler):
    """Keeps each record as our formatter, and as the standard one, would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record, unless it comes from a library that `configure_logs` switches off."""
        if record.name.partition(".")[0] in _SWITCHED_OFF:
            return
        self.lines += [
            JSONFormatter("test").format(record),
            logging.Formatter("%(name)s %(message)s").format(record),
            repr(getattr(record, "proofing_fields", {})),
        ]


def make_quietly(make: Callable[[Any, ProcessContext], Any], settings: Any) -> Any:
    """Return what *make* makes of a plugin's settings, in a thread without an event loop.

    Raises:
        AssertionError: it requested a connection or a host's address, or revealed one of the secret settings
            in a log or when it is printed.
    """
    canary = Canary(extra=dict(_secrets(settings)))
    refuse = mock.Mock(side_effect=AssertionError("a proofer connects when it is asked, not when it is made"))
    with (
        watch_logs(canary),
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
        ThreadPoolExecutor(1) as thread,
    ):
        made = thread.submit(make, settings, make_process()).result()
    assert not refuse.called, "a proofer connects when it is asked, not when it is made"
    leaks = canary.find_leaks(f"{settings!r} {made!r}")
    assert not leaks, f"the settings or the proofer print {leaks}"
    return made


def _secrets(value: Any, name: str = "secret") -> Iterator[tuple[str, str]]:
    """Yield name and value of every secret in *value*, however deep."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, SecretStr):
        yield name, value.get_secret_value()
    elif isinstance(value, BaseModel):
        items = value
    elif isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    for key, item in items:
        yield from _secrets(item, f"{name}.{key}")


def caused_by(*causes: Cause) -> Callable[[VendorError], bool]:
    """Return a check of an error's cause: ``pytest.raises(VendorError, check=caused_by(Cause.QUOTA))``."""
    return lambda error: error.cause in causes


def check_error(error: VendorError, canary: Canary) -> None:
    """Fail when an error reveals something about the applicant, or drags a foreign error along.

    Raises:
        AssertionError: names what leaked, and where.
    """
    for cause in (error.__cause__, None if error.__suppress_context__ else error.__context__):
        assert cause is None or isinstance(cause, ProofingError), (
            f"the error drags a {type(cause).__name__} along; raise it `from None`"
        )
    # The vendor's own id of the call is the vendor's choice, and ours to keep.
    facts = {name: value for name, value in vars(error).items() if name != "transaction_id"}
    output = "".join(traceback.format_exception(error)) + repr(error) + repr(facts)
    leaks = canary.find_leaks(output)
    assert not leaks, f"a {type(error).__name__} holds {leaks}"


def check_result(result: VendorResult, wanted: type[VendorResult], canary: Canary) -> None:
    """Fail when a result is of the wrong type, or reveals something about the applicant.

    Raises:
        AssertionError: names what is wrong.
    """
    assert isinstance(result, wanted), f"{type(result).__name__} is not {wanted.__name__}"
    assert isinstance(result.outcome, Outcome)
    for name, match in result.attributes.items():
        assert name in ATTRIBUTES or name in _COLLECTIVE_ATTRIBUTES, f"{name} is not an attribute"
        assert isinstance(match, Match)
    for code in (*result.reasons, *result.vendor_codes):
        assert _CODE.fullmatch(code), "a reason or code is free text"
    leaks = canary.find_leaks(
        repr((result.vendor_name, result.attributes, result.reasons, result.vendor_codes))
    )
    assert not leaks, f"the result holds {leaks}"
    if isinstance(result, DocumentResult):
        for finding in result.findings:
            named = finding.vendor_code
            assert named is None or _FINDING.fullmatch(named), "the vendor's name of a finding is free text"
        leaks = canary.find_leaks(repr((result.applicant, result.findings)))
        assert not leaks, f"the applicant or a finding prints {leaks}"
