"""Prints docs/reference/vendor-rules.md: ``python -m proofing.testing.vendors.page``."""
# ruff: noqa: E501 - the lines of a page

import sys
from collections.abc import Iterator

from proofing.testing.vendors.rules import RULES, Group

_HEAD = """\
# Rules of vendor proofers

What a vendor plugin must keep. The suites of `proofing.testing.vendors` have one test for each rule, named after it; a failing test
names the rule, what is wrong, and what to do. [Write a vendor plugin](../tutorial/write-a-vendor-plugin.md) shows a suite; why
the kit works as it does: [ADR 39](../adr/0039-rules-of-the-vendor-kit.md). This page is written by
`python -m proofing.testing.vendors.page`.

## What you provide

| Attribute of the suite | What | Needed |
|---|---|---|
| `plugin`, `proofer_name` | import name of the package; name of the descriptor if there are several of a kind | always; with several |
| `section` | settings with made-up secrets of 8 characters or more | always |
| `answers` | name to `Example(responses, comes_to, attributes, reasons, facts)` | a yes, a no, every documented verdict |
| `webhook_secrets`, `signed_event(ticket)` | fields of the section that hold live secrets; the vendor's event, signed | with a webhook |
| `assert_signed(request)` | fails unless the signature is over the request's bytes | where requests are signed |
| `open_places` | places of an answer where the vendor announces new words, to the reason why they turn no yes into a no | rarely |
| `statuses_that_say_no` | HTTP statuses that are an answer | rarely |
| `exemptions` | rule to `Exemption(reason, until)` | rarely |

`responses` are one response for every request, a list in order, or a function of the request. A yes without an optional
field, provided as a second example, says that the field is optional. An exemption without a reason, an expired one, and one that is not needed fail.

A rule that a later contract version brings warns while `contract_version` of the descriptor is one version behind, and fails after that.

## How verdicts are found

Each value of each yes is replaced. A place *decides* if a word that is known from it (of another example, or a usual word of
a no) changes the outcome, an attribute, or makes the answer an error. Only there must a word that nobody has heard of not pass; the vendor's id may
hold anything. So the kit finds what your examples show: provide every documented verdict.
"""

_TAIL = """\
## What the kit cannot find

| Mistake | Why | What helps |
|---|---|---|
| a documented verdict that no example has | the kit does not know the vendor's manual | an example of each |
| a field that decides and that the adapter never reads | bending it changes nothing, as with an id | an example in which only that field says no |
| a number that passes beyond a wrong threshold | any number is a number | examples on both sides of it |
| a word for a reason that is the vendor's own, of a closed set | it looks like one of our codes | the review |
| a signature with a nonce or a time, in a header of an unusual name | it differs from call to call anyway | `assert_signed` |
| front and back in fields whose names do not tell, in the wrong order | only names and order tell | a test of the body |
| work that takes the event loop long without waiting | a busy test machine looks the same | `bench/` |
| bytes written to file descriptor 1 | `print`, `sys.stdout` and logs are watched | the review |
"""


def page() -> Iterator[str]:
    """Yield the parts of the page."""
    yield _HEAD
    for group in Group:
        yield f"## {group.value}\n"
        for rule in RULES.values():
            if rule.group is group:
                yield f"### {rule.id}\n\n{rule.what} {rule.why}\n\nWhat to do: {_sentence(rule.fix)}\n"
    yield _TAIL


def _sentence(text: str) -> str:
    return text[0].lower() + text[1:] if text[1:2].islower() else text


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()))
