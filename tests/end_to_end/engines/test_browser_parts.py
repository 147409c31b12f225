"""A device profiler whose scripts are kept apart from our page, in Firefox and WebKitGTK."""

import pytest
import pytest_asyncio

from proofing.testing.waiting import eventually
from proofing_devtools.device_profiler import APART

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="session")
def isolated(install_profiled):
    """An installation whose page keeps the vendor's script apart."""
    return install_profiled(isolated=True)


@pytest_asyncio.fixture(loop_scope="session")
async def person(engine, meet):
    """A person with a fresh tab, whose browser reports what it blocks as errors."""
    already = len(getattr(engine, "errors", []))
    async with engine.person() as tab:
        yield meet(tab)
    if hasattr(engine, "errors"):
        del engine.errors[already:]


async def test_an_isolated_script(isolated, device_vendor, person):
    """It runs as it wants to, and reaches neither the page, nor cookies, storage or server of this site."""
    device_vendor.reset()
    await person.consent(isolated.url)
    await person.give_photos()
    await person.submit_photos()
    await person.heading("Enter your Social Security number")
    assert await eventually(device_vendor.told) == APART
    await person.give_ssn()
