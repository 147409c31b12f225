"""The vendors that are played, one module or package each; see `proofing_sandbox.play.VendorModule`."""

from proofing_sandbox.play import VendorModule
from proofing_sandbox.vendors import aamva, aws, dos, lexisnexis, socure, stripe, twilio

#: All of them.
MODULES: tuple[VendorModule, ...] = (aamva, aws, dos, lexisnexis, socure, stripe, twilio)
