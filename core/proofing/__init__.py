"""Proofing: asynchronous identity proofing with pluggable vendors.

Plugin authors import from the modules named in docs/reference/plugin-api.md; importing this package imports
none of them, so that the command line starts fast.
"""

__version__ = "0.1.0"
