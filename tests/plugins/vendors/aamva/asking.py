"""One question to AAMVA's proofer, as a worker puts it."""

from dataclasses import replace
from datetime import UTC, datetime

from tests.plugins.vendors.aamva.fake_aamva import make_section

import proofing_aamva
from proofing.contracts.applicant import Applicant
from proofing.contracts.proofers import ProofingRequest
from proofing.jobs.vendor_cache import VendorCaches
from proofing.testing.vendor_fakes import FakeVendor, ask, make_context, make_process

PERSON = Applicant(
    first_name="FAKEY",
    middle_name="ZOË",
    last_name="MCFAKERSON SMITH",
    name_suffix="JR",
    dob="1938-10-06",
    address1="1 FAKE RD",
    address2="Apt. <3> & more",
    city="GREAT FALLS",
    state="MT",
    zipcode="59010-1234",
    sex="male",
    height=67,
    weight=154,
    eye_color="HAZ",
    state_id_number="11-1111 1111",
    state_id_jurisdiction="ND",
    state_id_issued="2019-12-31",
    state_id_expiration="2099-12-31",
    document_type_received="drivers_license",
    uuid="1907929b-5d34-4c2e-8b9e-5d1d0d0a7b11",
)
#: No window of a state is open.
NOON = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)


class Worker:
    """A worker that asks AAMVA.

    Attributes:
        intents: how often it was noted that a call may be billed.
        vendor: the transport, with the requests that were sent.
    """

    def __init__(self, aamva, *, caches=None, now=NOON, applicant=PERSON, timeout_seconds=5.0, **changes):
        """Take the vendor, what workers share, the time, and changes to the section."""
        (self.descriptor,) = proofing_aamva.proofing_proofers()
        self.settings = proofing_aamva.AAMVASettings.model_validate(make_section(**changes))
        self.vendor = FakeVendor(aamva)
        self.intents = 0
        self._request = ProofingRequest(applicant=applicant.select(self.descriptor.attributes))
        self._caches = caches or VendorCaches()
        self._now = now
        self._timeout_seconds = timeout_seconds
        self.proofer = self.descriptor.make(self.settings, make_process())

    async def ask(self):
        """Put the question, and return the answer."""
        return await ask(self.proofer, self._request, self.context())

    async def check(self):
        """Check the connection as `proofing check --deep` does."""
        return await self.proofer.check(self.context())

    def context(self):
        """Return the context of a question."""
        made = make_context(
            self.vendor,
            self.descriptor,
            self.settings,
            note_intent=self._note,
            caches=self._caches,
            timeout_seconds=self._timeout_seconds,
        )
        return replace(made, now=lambda: self._now)

    async def _note(self):
        self.intents += 1
