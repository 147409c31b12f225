"""Exit codes of `proofing` alongside 0 (done) and 1 (a check failed, or the command must be run again).

Source: sysexits.h for those below 128; shells report 128 and the signal's number.
"""

from proofing.base.errors import ConfigurationError

USAGE = 2  # as argparse
NOT_FOUND = 66  # EX_NOINPUT
UNAVAILABLE = 69  # EX_UNAVAILABLE
OUTPUT = 74  # EX_IOERR
INTERRUPTED = 130  # SIGINT
BROKEN_PIPE = 141  # SIGPIPE

#: What each code means, for the help.
MEANINGS = {
    0: "done",
    1: "a check failed",
    USAGE: "wrong command line",
    NOT_FOUND: "nothing found",
    UNAVAILABLE: "a backend cannot be used",
    OUTPUT: "the output cannot be written",
    ConfigurationError.exit_code: "wrong settings",
    INTERRUPTED: "interrupted",
    BROKEN_PIPE: "nobody read the output",
}
