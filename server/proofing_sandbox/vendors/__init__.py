"""The vendors that are played, one module or package each; see `proofing_sandbox.play.VendorModule`."""

from proofing_sandbox.play import VendorModule

#: All of them.
MODULES: tuple[VendorModule, ...] = ()
