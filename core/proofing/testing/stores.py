"""The contract suites of the four kinds of stores, under one roof.

Each is a class to subclass in a test module whose name begins with ``Test``; the subclass says how to make a
store and inherits the tests. Needs pytest-asyncio in auto mode.
"""

from proofing.testing.image_stores import ImageStoreContract
from proofing.testing.key_services import KeyServiceContract
from proofing.testing.result_stores import ResultStoreContract
from proofing.testing.secret_stores import SecretStoreContract

__all__ = ["ImageStoreContract", "KeyServiceContract", "ResultStoreContract", "SecretStoreContract"]
