"""Prints docs/reference/vendor-rules.md: ``python -m proofing.testing.vendors.page``."""
# ruff: noqa: E501 - the lines of a page

import sys
from collections.abc import Iterator

from proofing.testing.messengers import MESSENGER_RULES
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
| `open_places` | ends of the names of an answer's places where the vendor announces new words, or whose verdict does not count, to the reason why they turn no yes into a no | rarely |
| `sent_as` | places of requests and answers whose name does not say which attribute they hold, such as `fields.number`, to the attribute; to nothing where the name misleads | rarely |
| `altered` | attributes that the vendor takes in a form of its own, and sides of a document that it does not take, to the reason | rarely |
| `statuses_that_say_no` | HTTP statuses that are an answer | rarely |
| `exemptions` | rule to `Exemption(reason, until)` | rarely |

`responses` are one response for every request, a list in order, or a function of the request. A yes without an optional
field, provided as a second example, says that the field is optional. An exemption without a reason, an expired one, and one that is not needed fail.

A rule that a later contract version brings warns while `contract_version` of the descriptor is one version behind, and fails after that.

## How verdicts are found

Each value of each yes is replaced. A place *decides* if a word that is known from it (of another example, or a usual word of
a no) changes the outcome, an attribute, or makes the answer an error. Only there must a word that nobody has heard of not pass; the vendor's id may
hold anything. So the kit finds what your examples show: provide every documented verdict.

What another example has in a place that a yes does not have (an item of a list, a member that is absent or null) is put into the yes. If it counts
there, a word that nobody has heard of in its place must not be dropped. An item that alone makes something else of a yes must do so in front of and
behind the items of each yes as well, where the yes can do without those and the list is not as long in each example.

## How requests are read

Each attribute of the person is changed by itself, and the places of the request whose value changes with it are those that hold it. A place
whose name announces an attribute (`given_name`, `DateOfBirth`, `address.city`) must be among those of that attribute, and what it holds must be all of
it, dates with the month before the day. What the names of the vendor do not tell, `sent_as` does.
"""

_MESSENGERS = """\
## Messengers

Messengers have a suite of their own, `proofing.testing.messengers.MessengerContract`, with a test for each of these rules.
`proofing quality` lists them, too.
"""

_TAIL = """\
## What the kit cannot find

| Mistake | Why | What helps |
|---|---|---|
| a documented verdict that no example has | the kit does not know the vendor's manual | an example of each |
| a field that decides, that the adapter never reads, and whose yes is not a usual word of one, or of an answer that is done | bending it changes nothing, as with an id | an example in which only that field says no |
| two attributes exchanged in places whose names say neither, or in one place, as in a full name | only names and values tell | `sent_as`; a test of the body |
| an attribute in a wrong code, such as a number for a sex | every vendor has its own | a test of the body |
| a default for a word that no example has a second one of, such as a document type | nothing shows that the place decides | an example of each documented word |
| a result of a field by a name that nobody has heard of, which is skipped in a yes | adapters may leave out what a vendor left out | a model that forbids other names |
| a yes in which fields differ | many vendors say yes in spite of one | a test, where yours never does |
| an error in a complete yes, in a member that no example with HTTP 200 has, or whose name says nothing of an error or problem | adapters may know errors by their status, and ignore a message | an example of it |
| a second element of the same name in XML, which says no | the vendor's schema says how many there are | a test with both |
| evidence, such as `account`, that follows the verdict and not its own field | both are right in each example that has them | an example in which they differ |
| images that are encoded in one piece | short ones are sent, and encoded at once | `Base64` and `StreamedBody`; `bench/` |
| a part of a token that the vendor handed out, in a log | only whole ones are known | the review |
| a question that stays pending after it expired | core ends it | a test with `Expired` |
| an event, such as one of an expiry, that ends a question whose answer could be fetched | the event may be the answer | a test with `Received` |
| a number that is a code, and that nobody has heard of, in an answer that is no yes | it may be a score | a test of it |
| a call repeated after a time limit of the adapter's own | the kit does not wait for it | the review |
| a document that passes although no name was read | vendors differ in what they must read | an example of it |
| a circumstance, such as a session, of the person before | the kit asks about ten people in the same circumstances | the review |
| a number that passes beyond a wrong threshold | any number is a number | examples on both sides of it |
| a word for a reason that is the vendor's own, of a closed set | it looks like one of our codes | the review |
| a signature with a nonce or a time, in a header of an unusual name | it differs from call to call anyway | `assert_signed` |
| front and back in fields whose names do not tell, in the wrong order | only names and order tell | a test of the body |
| a short wait for a thread that is done by then | there is no wait to be seen | the review |
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
    yield _MESSENGERS
    yield "\n".join(f"* `{rule}`: {_sentence(what)}" for rule, what in MESSENGER_RULES.items()) + "\n"
    yield _TAIL


def _sentence(text: str) -> str:
    return text[0].lower() + text[1:] if text[1:2].islower() else text


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()))
