"""Only our own errors leave a seam."""

import asyncio
import inspect
import logging

import pytest

from proofing.base.errors import ImageNotFoundError, QueueUnavailableError, StoreUnavailableError
from proofing.base.foreign import calls_back, seam, translated


class Parent:
    async def inherited(self, error):
        raise error


@seam(StoreUnavailableError, "the shelf")
class Shelf(Parent):
    """A store that raises what it is given."""

    async def ask(self, error):
        if error is not None:
            raise error
        return "found"

    async def ask_twice(self, error):
        return await self.ask(error)

    def ask_at_once(self, error):
        raise error

    @staticmethod
    def build():
        return Shelf()

    async def close(self):
        raise ValueError("canary")

    @calls_back
    async def receive(self, error):
        raise error

    async def _inner(self, error):
        raise error


def lines(caplog):
    """Return the records of what was translated."""
    return [record for record in caplog.records if record.getMessage() == "library_exception"]


@pytest.mark.parametrize("method", ["ask", "ask_twice", "inherited"])
async def test_a_foreign_exception_is_unavailable_and_logged_once(caplog, method):
    """By class and place at WARNING, without its text, however many seams it passes."""
    with pytest.raises(StoreUnavailableError) as caught:
        await getattr(Shelf(), method)(AttributeError("canary"))
    assert str(caught.value) == "the shelf cannot be used: it cannot serve now (AttributeError)"
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    (line,) = lines(caplog)
    assert line.levelno == logging.WARNING
    fields = vars(line)["proofing_fields"]
    assert (fields["backend"], fields["exception_class"]) == ("the shelf", "AttributeError")
    assert any(place.startswith("test_foreign.py:") for place in fields["exception_backtrace"])
    assert "canary" not in caplog.text + str(fields)


async def test_what_works_is_left_as_it_is(caplog):
    """Answers, and methods that are no coroutines."""
    assert await Shelf.build().ask(None) == "found"
    with pytest.raises(StoreUnavailableError):
        Shelf().ask_at_once(KeyError("canary"))
    assert len(lines(caplog)) == 1
    assert inspect.iscoroutinefunction(Shelf.ask)
    assert Shelf.ask.__name__ == "ask"


@pytest.mark.parametrize(
    "error", [ImageNotFoundError(), QueueUnavailableError("away"), AssertionError(), asyncio.CancelledError()]
)
async def test_what_is_ours_passes(caplog, error):
    """Typed errors, broken assumptions and cancellations."""
    with pytest.raises(type(error)) as caught:
        await Shelf().ask(error)
    assert caught.value is error
    assert lines(caplog) == []


async def test_wrong_arguments_stay_a_mistake_of_ours():
    """They are no fault of the backend."""
    with pytest.raises(TypeError):
        await Shelf().ask()


async def test_close_gives_up(caplog):
    """Nobody can do anything about it; the line says what was wrong."""
    assert await Shelf().close() is None
    assert len(lines(caplog)) == 1


@pytest.mark.parametrize("method", ["receive", "_inner"])
async def test_the_errors_of_a_caller_are_its_own(method):
    """Methods that call back pass on what the caller's code raises; private ones are no seam."""
    with pytest.raises(ValueError, match="canary"):
        await getattr(Shelf(), method)(ValueError("canary"))


def test_answers_in_the_form_of_exceptions_pass():
    """For a caller that reads them."""
    with pytest.raises(LookupError), translated(StoreUnavailableError, "the shelf", passing=(LookupError,)):
        raise LookupError
    with pytest.raises(StoreUnavailableError), translated(StoreUnavailableError, "the shelf"):
        raise LookupError
