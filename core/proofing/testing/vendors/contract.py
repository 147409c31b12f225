"""The contract suites of vendor proofers, one for each kind: what authors subclass."""

from dataclasses import replace
from functools import cache
from typing import Any

from proofing.contracts.applicant import ACCEPTED_TYPES, DocumentType
from proofing.contracts.circumstances import Wanted
from proofing.contracts.images import Image
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import ProoferKind
from proofing.rules.documents import required_sides
from proofing.rules.image_check import inspect_image
from proofing.testing.canary import Canary
from proofing.testing.images import make_jpeg
from proofing.testing.vendors.report import require_rule
from proofing.testing.vendors.rules import RULES
from proofing.testing.vendors.suite import ProoferSuite


class ProoferContract(ProoferSuite):
    """What proofers of all kinds keep. Subclass the suite of a kind, not this.

    There is one test for each rule of docs/reference/vendor-rules.md, named after it.
    """


def _test_of(rule_id: str) -> Any:
    def test(self: ProoferContract) -> None:
        __tracebackhide__ = True
        require_rule(self, rule_id)

    test.__name__ = f"test_{rule_id.replace('-', '_')}"
    test.__qualname__ = f"ProoferContract.{test.__name__}"
    test.__doc__ = RULES[rule_id].what
    return test


for _rule_id in RULES:
    setattr(ProoferContract, f"test_{_rule_id.replace('-', '_')}", _test_of(_rule_id))


class ResolutionProoferContract(ProoferContract):
    """What resolution proofers keep."""

    kind = ProoferKind.RESOLUTION


class PhoneProoferContract(ProoferContract):
    """What phone proofers keep."""

    kind = ProoferKind.PHONE


class StateIDProoferContract(ProoferContract):
    """What state ID proofers keep."""

    kind = ProoferKind.STATE_ID


class PassportProoferContract(ProoferContract):
    """What passport proofers keep."""

    kind = ProoferKind.PASSPORT

    def question(self, canary: Canary) -> ProofingRequest:
        """Return what is read from the page of a passport book."""
        asked = super().question(canary)
        person = canary.applicant
        names = f"P<USA{person.last_name}<<{person.first_name}".upper()
        mrz = f"{names:<<44}\n{person.state_id_number or '':<<44}"
        read = person.merge({"mrz": mrz, "document_type_received": DocumentType.PASSPORT.value})
        return replace(asked, applicant=read.select(self.descriptor().attributes))


class DeviceProfilerContract(ProoferContract):
    """What device profilers keep."""

    kind = ProoferKind.DEVICE


class DocumentProoferContract(ProoferContract):
    """What document proofers keep."""

    kind = ProoferKind.DOCUMENT

    def question(self, canary: Canary) -> ProofingRequest:
        """Return front and back of a document, and a selfie where it is compared, as JPEG."""
        asked = super().question(canary)
        selfie = self.descriptor().needs_selfie
        return replace(
            asked,
            images={
                side: _image(f"{side} {canary.seed}")
                for side in required_sides(passport=False, selfie=selfie)
            },
            wanted=Wanted(document_types=ACCEPTED_TYPES, selfie=selfie),
        )


@cache
def _image(comment: str) -> Image:
    """Return a JPEG that says *comment*, which makes it another one than those of other sides and people."""
    return inspect_image(make_jpeg(comment=comment.encode()))
