"""``python -m proofing.cli``: the same as the command `proofing`."""

import sys

from proofing.cli import main

sys.exit(main())
