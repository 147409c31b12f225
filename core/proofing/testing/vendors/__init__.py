"""The contract suites of vendor proofers, one for each kind.

Subclass the suite of your proofer's kind, provide what your vendor answers, and pytest does the rest::

    class TestAcmeResolution(ResolutionProoferContract):
        plugin = "proofing_acme"
        section = {"base_url": "https://api.acme.example", "api_key": "an-acme-key"}
        answers = {
            "yes": Example(httpx.Response(200, json={"id": "t-1", "decision": "pass"}), Outcome.PASSED),
            "no": Example(httpx.Response(200, json={"id": "t-2", "decision": "fail"}), Outcome.FAILED),
        }

There is a test for each rule of docs/reference/vendor-rules.md. The kit loads the plugin as the product does,
asks as a worker does, and bends the examples: it has the vendor say what nobody has heard of, leave things
out, break off, answer late, or answer ten people at once. A canary (`proofing.testing.canary`) is the person,
and is looked for in everything that is written.
"""

from proofing.testing.vendors.contract import (
    DeviceProfilerContract,
    DocumentProoferContract,
    PhoneProoferContract,
    ProoferContract,
    ResolutionProoferContract,
    StateIDProoferContract,
)
from proofing.testing.vendors.examples import Example, Exemption, Ticket
from proofing.testing.vendors.loading import LoadError
from proofing.testing.vendors.report import Status, VendorRuleWarning, Verdict, judge
from proofing.testing.vendors.rules import RULES, Group, Rule

__all__ = [
    "RULES",
    "DeviceProfilerContract",
    "DocumentProoferContract",
    "Example",
    "Exemption",
    "Group",
    "LoadError",
    "PhoneProoferContract",
    "ProoferContract",
    "ResolutionProoferContract",
    "Rule",
    "StateIDProoferContract",
    "Status",
    "Ticket",
    "VendorRuleWarning",
    "Verdict",
    "judge",
]
