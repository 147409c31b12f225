"""The contract suites of the six kinds of stores, under one roof.

Each is a class to subclass in a test module whose name begins with ``Test``; the subclass says how to make a
store and inherits the tests. Needs pytest-asyncio in auto mode.
"""

from proofing.testing.call_stores import CallStoreContract
from proofing.testing.image_stores import ImageStoreContract
from proofing.testing.key_services import KeyServiceContract
from proofing.testing.result_stores import ResultStoreContract
from proofing.testing.secret_stores import SecretStoreContract
from proofing.testing.verification_stores import VerificationStoreContract

__all__ = [
    "CallStoreContract",
    "ImageStoreContract",
    "KeyServiceContract",
    "ResultStoreContract",
    "SecretStoreContract",
    "VerificationStoreContract",
]
