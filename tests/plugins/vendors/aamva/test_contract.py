"""AAMVA keeps the state ID contract, through a vendor that verifies each signature."""

import httpx
import pytest
from tests.plugins.vendors.aamva.fake_aamva import (
    FakeAAMVA,
    bare_answer,
    indicators,
    make_section,
    soap_answer,
)

from proofing.testing.vendors import StateIDProoferContract


class TestAAMVA(StateIDProoferContract):
    """The contract suite."""

    plugin = "proofing_aamva"

    @pytest.fixture(autouse=True)
    def _aamva(self) -> None:
        """Start with a vendor that knows nobody."""
        type(self).section = make_section()
        self.says_yes = FakeAAMVA(lambda: soap_answer(indicators()))
        self.says_no = FakeAAMVA(lambda: bare_answer(indicators("PersonBirthDate")))

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Say that everything matches."""
        return self.says_yes(request)

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Say that the birth date is another one."""
        return self.says_no(request)
