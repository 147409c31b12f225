"""The rules that a vendor proofer must keep: the table from which tests, messages and the page are made.

docs/reference/vendor-rules.md is written from it by ``python -m proofing.testing.vendors.page``.
"""

from dataclasses import dataclass
from enum import StrEnum

#: Where the rules are explained.
PAGE = "docs/reference/vendor-rules.md"


class Group(StrEnum):
    """What a rule is about; a heading of the page."""

    LOADING = "Loading"
    EXAMPLES = "Examples"
    VERDICTS = "Verdicts"
    STATE = "State"
    NETWORK = "Network and time"
    DATA = "Secrets and personal data"
    SHAPE = "Shape of the answer"
    REQUESTS = "Requests"
    XML = "XML"
    WEBHOOKS = "Webhooks"
    HOSTED = "Questions that continue"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: stable; in messages, exemptions and the page.
        what: must hold.
        why: it must.
        fix: what to do.
        since: the contract version that brought it; see `proofing.testing.vendors.report`.
    """

    id: str
    group: Group
    what: str
    why: str
    fix: str
    since: int = 2


_ALL = (
    Rule(
        "plugin-loads",
        Group.LOADING,
        "The plugin manager loads the plugin, reads its section and finds the proofer.",
        "A forgotten `hookimpl`, a settings class that is not a `PluginSettings` or a misspelled "
        "attribute leaves "
        "the plugin out at start.",
        "Do what the message says; `proofing plugins` shows the same sentence.",
    ),
    Rule(
        "descriptor-form",
        Group.LOADING,
        "Name, hosts, time limit, jurisdictions and `continues` of the descriptor are of the right form.",
        "Core reads the descriptor before the adapter exists; a wrong one disables the vendor.",
        "Correct the field that the message names.",
    ),
    Rule(
        "contract-version",
        Group.LOADING,
        "The descriptor names a contract version that this Proofing knows.",
        "Rules that came after the named version only warn for one version, so that an update of "
        "Proofing does not "
        "break a plugin at once.",
        "Set `contract_version` to the newest version whose rules the proofer keeps.",
    ),
    Rule(
        "imports-light",
        Group.LOADING,
        "Registering imports the standard library, `proofing` and pydantic, and nothing else.",
        "Every process and every command loads the plugin; a vendor SDK costs each of them seconds.",
        "Import the vendor's library in the function that makes the proofer.",
    ),
    Rule(
        "make-quiet",
        Group.LOADING,
        "Making the proofer needs no event loop, no connection and no file, and shows no secret.",
        "It is made inside the first question, whose time a connection would use; a start must not "
        "depend on a "
        "vendor.",
        "Connect in `open`, or when the first question is asked.",
    ),
    Rule(
        "deadline-declared",
        Group.LOADING,
        "`timeout_seconds` is not longer than the deadline of a job.",
        "The job would end first, as a time-out of ours, and the answer that was paid for is lost.",
        "Declare what one question may really take, 55 seconds at most.",
    ),
    Rule(
        "settings-secret",
        Group.LOADING,
        "Settings that hold a key, secret, token or password are `SecretStr`.",
        "`proofing settings` and error messages print every other field.",
        "Type the field `SecretStr`, and reveal it where the header is made.",
    ),
    Rule(
        "examples-complete",
        Group.EXAMPLES,
        "There is an example of a yes and one of a no; secrets of the section are long enough to be found.",
        "The kit bends your examples: what it does not get it cannot try. A secret of a few letters is found "
        "everywhere, or nowhere.",
        "Hand in `answers` with at least a yes, a no and every verdict that the vendor documents.",
    ),
    Rule(
        "example-outcome",
        Group.EXAMPLES,
        "Each example comes to its outcome, or to an error of its cause.",
        "It is what the vendor documents: a no is a result, an outage is an error, a vague answer "
        "is neither yes nor "
        "no.",
        "Map the vendor's word to the outcome that its documentation gives it.",
    ),
    Rule(
        "example-attributes",
        Group.EXAMPLES,
        "Each example comes to its attributes, no more and no less.",
        "Rules decide by attributes which other source could help; one that is left empty, or a "
        "`no data` that is "
        "read as a mismatch, sends people away.",
        "Translate each result field; `unavailable` for no data, `not_checked` for not asked.",
    ),
    Rule(
        "example-facts",
        Group.EXAMPLES,
        "Each example comes to its reasons and further facts.",
        "Screens and reports are made from them.",
        "Translate the vendor's codes to our normalized ones in one table.",
    ),
    Rule(
        "verdict-unheard-word",
        Group.VERDICTS,
        "A word that nobody has heard of, in the place of a verdict in a yes, never passes.",
        "Vendors add verdicts. Only the documented yes is a yes.",
        "Look the word up in a table of the documented ones, and raise "
        "`VendorError(Cause.NONSENSE)` for others; a "
        "place where the vendor announces new words is named in `open_places`.",
    ),
    Rule(
        "verdict-unknown-no",
        Group.VERDICTS,
        "A word that nobody has heard of, or a wrong type, is never read as a no.",
        "A person would be refused, and an attempt used, by a change in the vendor's API.",
        "Compare with the documented no; raise `VendorError(Cause.NONSENSE)` for anything else.",
    ),
    Rule(
        "field-unheard-word",
        Group.VERDICTS,
        "An unknown result of a single field is neither a match nor a mismatch, and the answer "
        "does not pass.",
        "A default in a lookup (`.get(word, Match.MATCH)`) verifies what nobody verified.",
        "Index a table of the documented words, and raise `VendorError(Cause.NONSENSE)` for others.",
    ),
    Rule(
        "field-no-data",
        Group.VERDICTS,
        "Words such as `no_data`, `unavailable` and `not_checked` are no mismatch.",
        "A source without a record of a person says nothing against the person.",
        "Read them as `Match.UNAVAILABLE` or `Match.NOT_CHECKED`.",
    ),
    Rule(
        "verdict-vague-word",
        Group.VERDICTS,
        "Words such as `partial`, `inconclusive`, `pending` and `unknown` in the place of a "
        "verdict never pass.",
        "A vendor that is not sure has not said yes.",
        "Read a documented vague word as `Outcome.REVIEW` or `Outcome.UNKNOWN`.",
    ),
    Rule(
        "verdict-missing",
        Group.VERDICTS,
        "A yes without the value that makes it a yes, or with null there, is neither yes nor no.",
        "What the vendor left out was not said.",
        "Require the field. Where the vendor may leave it out in a yes, hand in such a yes as an example.",
    ),
    Rule(
        "field-missing",
        Group.VERDICTS,
        "A result of a single field that is missing, or null, is neither a match nor a mismatch.",
        "An indicator that is not there was not compared.",
        "Read a missing indicator as `Match.NOT_CHECKED`, leave the attribute out, or raise.",
    ),
    Rule(
        "verdict-wrong-type",
        Group.VERDICTS,
        "A number, list, object or truth value in the place of a verdict's word does not pass.",
        '`if answer[...]` is true for the text "false".',
        "Check the type, such as with a pydantic model in strict mode.",
    ),
    Rule(
        "status-as-answer",
        Group.VERDICTS,
        "A status other than success is an error, not a result.",
        "A 404 or 422 says something about the call, and nothing about the person.",
        "`response.require_success()`; a status by which this vendor does say no is named in "
        "`statuses_that_say_no`.",
    ),
    Rule(
        "failure-as-answer",
        Group.VERDICTS,
        "A broken connection or a time-out is an error, not a result.",
        "An outage of the vendor must not refuse people, nor end as an answer that nobody gave.",
        "Do not catch `VendorError` around the call.",
    ),
    Rule(
        "bare-success",
        Group.VERDICTS,
        "HTTP 200 with an empty, foreign or broken body is an error, not a result.",
        "Proxies and load balancers answer 200, too.",
        "Read the body strictly with `response.json()` or `response.xml()`, and require the "
        "vendor's verdict.",
    ),
    Rule(
        "error-inside-success",
        Group.VERDICTS,
        "HTTP 200 with an error inside is an error, not a result.",
        "Many vendors report their own failures with 200.",
        "Read the vendor's error member first, and raise `VendorError` with its cause.",
    ),
    Rule(
        "truncated-body",
        Group.VERDICTS,
        "A yes that is cut off is an error, not a result.",
        "Half an answer may lack the part that says no.",
        "Parse the whole body before reading any of it; no regular expressions.",
    ),
    Rule(
        "foreign-error",
        Group.VERDICTS,
        "Whatever the vendor sends, and whatever is unknown of a person, only `VendorError` is raised.",
        "Anything else counts as a broken plugin, ends the job, and pages somebody.",
        "Check before indexing; turn a `ValidationError` into `VendorError(...) from None`.",
    ),
    Rule(
        "device-agrees",
        Group.VERDICTS,
        "A device profile passes exactly when its review status is pass.",
        "Both are read, by different rules.",
        "Take outcome and review status from one table.",
    ),
    Rule(
        "document-read",
        Group.VERDICTS,
        "A passed document has a type that is accepted, an applicant, and no finding that makes "
        "its yes a no.",
        "Core judges a yes without them as a no.",
        "Translate the vendor's class to `DocumentType`; leave out findings that the vendor's yes outweighs.",
    ),
    Rule(
        "one-name",
        Group.VERDICTS,
        "The vendor's yes passes for people with one name, and `None` is not sent as a name.",
        "Not everybody has two names.",
        "Send the name that exists, in the field that the vendor's guide names.",
    ),
    Rule(
        "state-cached",
        Group.STATE,
        "A second question gets its own answer, also about the same person.",
        "A cached answer belongs to somebody else, or is old.",
        "Keep nothing between questions; what workers may share is in `context.cache`, and never an answer.",
    ),
    Rule(
        "state-mixed",
        Group.STATE,
        "Ten questions at once each see their own person, ticket and answer.",
        "What lies on `self` across an `await` is the next person's.",
        "Keep everything of a question in local variables.",
    ),
    Rule(
        "state-process",
        Group.STATE,
        "A question continues in another process, and one that is asked again sends the same key.",
        "Workers are killed and replaced; what is not in `Pending.state` is gone, and a new key is "
        "billed twice.",
        "Put what `resume` needs into `Pending.state`; derive keys from `context.idempotency_key`.",
    ),
    Rule(
        "request-mutated",
        Group.STATE,
        "The request is left as it was.",
        "The next vendor is asked with the same one.",
        "Copy what you change.",
    ),
    Rule(
        "own-client",
        Group.NETWORK,
        "No host is looked up or connected to except through `context`.",
        "Proxy, allow-list, deadline and byte cap hold for `context.http` only; personal data "
        "would leave unseen.",
        "Use `context.http`, `context.sync.http` for SDKs on requests, or `carry_botocore`.",
    ),
    Rule(
        "own-files",
        Group.NETWORK,
        "No file is written and no process is started.",
        "A file outlives the person's erasure; workers have no place to write.",
        "Keep data in memory; decode images with `context.cpu`.",
    ),
    Rule(
        "hosts-declared",
        Group.NETWORK,
        "The yes of the example is reached with the declared hosts alone, and asks somebody.",
        "Calls to other hosts are refused.",
        "Name the host in `hosts`, or correct the URL.",
    ),
    Rule(
        "retries",
        Group.NETWORK,
        "A call that failed is not repeated.",
        "The vendor may bill each, and an outage gets worse. Core repeats what never connected, "
        "and asks again "
        "later.",
        "Raise the error; say `retry_after` where the vendor does.",
    ),
    Rule(
        "redirects",
        Group.NETWORK,
        "A redirect is not followed.",
        "It would carry the person's data to another address.",
        "Treat a 3xx as an error: `response.require_success()`.",
    ),
    Rule(
        "deadline-kept",
        Group.NETWORK,
        "A vendor that never finishes ends as `Cause.TIMEOUT` when the time is over.",
        "A worker that waits longer has lost its job.",
        "Do not catch `TimeoutError` or `VendorError` in a loop.",
    ),
    Rule(
        "cancellation",
        Group.NETWORK,
        "A canceled question ends at once, and calls nobody anymore.",
        "Workers cancel when a person withdraws or a process stops; `except BaseException` and `except "
        "CancelledError` keep it alive.",
        "Catch `VendorError`, or let it pass.",
    ),
    Rule(
        "loop-blocked",
        Group.NETWORK,
        "An `async def` never blocks.",
        "All questions of the worker wait for it.",
        "Use `await`, or write the method as plain `def`, which runs in a thread.",
    ),
    Rule(
        "sleeps",
        Group.NETWORK,
        "Nobody sleeps before the vendor is asked.",
        "The person waits, and the slot is taken.",
        "Remove the sleep; to ask later, return `Pending` with `Again`.",
    ),
    Rule(
        "idempotency-key",
        Group.NETWORK,
        "A proofer that declares `idempotent` sends `context.idempotency_key`.",
        "Core then repeats interrupted calls; without the key each is billed.",
        "Send the key where the vendor takes it, or declare `idempotent=False`.",
    ),
    Rule(
        "secret-leak",
        Group.DATA,
        "No secret setting is in an error, a log line, a result, on stdout, in a file or in a `repr`.",
        "Logs are read by many.",
        "Reveal secrets in the line that makes the header, and print nothing.",
    ),
    Rule(
        "person-leak",
        Group.DATA,
        "Nothing of the person is in an error, a log line, a result's codes, on stdout, in a file "
        "or in a `repr`.",
        "Logs and error reports are kept for years and read by many.",
        "Log registered fields only; errors name the status, and nothing of the request.",
    ),
    Rule(
        "person-in-url",
        Group.DATA,
        "No URL holds personal data.",
        "URLs are logged by everyone on the way.",
        "Send it in the body.",
    ),
    Rule(
        "person-traced",
        Group.DATA,
        "Errors, codes and log lines are the same for two different people with the same answer.",
        "Last four digits, initials, lengths and hashes are personal data.",
        "Leave out everything that is made from the applicant, the reference included.",
    ),
    Rule(
        "image-leak",
        Group.DATA,
        "No bytes of an image are in an error, a log line or on stdout.",
        "They show the person.",
        "Log sizes, never content.",
    ),
    Rule(
        "vendor-text",
        Group.DATA,
        "The vendor's own texts are in no error, code or log line, whatever its status.",
        "Vendors quote the request in their messages.",
        "Keep short codes that match a strict pattern; drop everything else.",
    ),
    Rule(
        "exception-chain",
        Group.DATA,
        "Errors carry no foreign exception along.",
        "Its text quotes the vendor's body.",
        "Raise `from None`.",
    ),
    Rule(
        "attribute-unused",
        Group.DATA,
        "Every declared attribute and circumstance makes a difference.",
        "What is not needed must not be collected.",
        "Remove it from `attributes` or `needs`.",
    ),
    Rule(
        "attribute-undeclared",
        Group.DATA,
        "Only declared attributes and circumstances are read.",
        "Others are always None.",
        "Declare it in `attributes` or `needs`, or do not read it.",
    ),
    Rule(
        "answer-form",
        Group.SHAPE,
        "The answer is of the kind's result type, down to its fields; the worker itself checks it.",
        "An `outcome` as text, or `reasons` as a list, ends the job as a broken plugin.",
        "Build the result with the types of `proofing.plugin`.",
    ),
    Rule(
        "transaction-id",
        Group.SHAPE,
        "A result has the vendor's id of the call.",
        "Bills and complaints are matched by it.",
        "Copy it from the answer into `transaction_id`.",
    ),
    Rule(
        "vendor-name",
        Group.SHAPE,
        "`vendor_name` of results and errors is the descriptor's name.",
        "Logs, metrics and reports are joined by it.",
        "Use one constant for both.",
    ),
    Rule(
        "reason-words",
        Group.SHAPE,
        "Reasons are our normalized codes, not the vendor's words.",
        "Texts and rules know ours; free words may hold personal data.",
        "Translate by a table; the vendor's codes go into `vendor_codes`.",
    ),
    Rule(
        "request-escaped",
        Group.REQUESTS,
        "Names with `<`, `&`, quotes and other scripts leave the request well-formed, with the "
        "same structure.",
        "A name could break the request, or change its meaning.",
        "Build JSON with `json_body`, escape XML with `xml.sax.saxutils.escape`, and encode forms "
        "with `urlencode`.",
    ),
    Rule(
        "bytes-signed",
        Group.REQUESTS,
        "`assert_signed` accepts every request: the signature is over the bytes that are sent.",
        "A JSON that is written twice differs in a space, and the vendor refuses it.",
        "Sign the `bytes` or `StreamedBody` that you pass as `content`; hand in `assert_signed`.",
    ),
    Rule(
        "sides-swapped",
        Group.REQUESTS,
        "Front and back of a document are sent as such.",
        "The vendor would read the back as a front, and fail everybody.",
        "Take images by `Side`, not by order.",
    ),
    Rule(
        "xml-hostile",
        Group.XML,
        "A yes with a document type, entities or deep nesting is an error, not a result.",
        "XML parsers read files and the network, and use up memory, by such answers.",
        "`response.xml()`.",
    ),
    Rule(
        "webhook-accepts",
        Group.WEBHOOKS,
        "What the vendor signs is accepted, and names the question.",
        "Otherwise people wait until the question is due.",
        "Read `question_id` or `reference` from the event; judge time by `now`.",
    ),
    Rule(
        "webhook-forged",
        Group.WEBHOOKS,
        "What another secret signed, or what was changed after signing, is refused.",
        "Anybody can post to the address.",
        "Compare a MAC over the received bytes in constant time (`MACKeys.verify`), and raise "
        "`NotAuthenticError`.",
    ),
    Rule(
        "webhook-header",
        Group.WEBHOOKS,
        "A post whose signature is missing or empty is refused.",
        "`if signature and ...` accepts who does not sign.",
        "Refuse when the header is missing.",
    ),
    Rule(
        "webhook-replay",
        Group.WEBHOOKS,
        "An event is refused an hour after it was signed, and an hour before.",
        "An event that somebody recorded would work forever.",
        "Compare the signed time with `now`, both ways.",
    ),
    Rule(
        "webhook-bytes",
        Group.WEBHOOKS,
        "The signature is checked over the bytes as they came.",
        "A body that is read and written again differs from what was signed.",
        "Verify `incoming.body` before parsing it.",
    ),
    Rule(
        "webhook-rotation",
        Group.WEBHOOKS,
        "Each of the secrets that the settings hold is accepted.",
        "While a secret is changed, events come with either.",
        "Verify with all live secrets.",
    ),
    Rule(
        "webhook-garbage",
        Group.WEBHOOKS,
        "A signed body that says nothing is answered, and raises nothing else than `NotAuthenticError`.",
        "The web process would answer 500, and the vendor would send it for days.",
        "Answer 400 when the body cannot be read.",
    ),
    Rule(
        "return-url",
        Group.HOSTED,
        "The vendor gets `context.return_url`, and its event leads back to the question.",
        "The person would not come back.",
        "Send it where the vendor takes a redirect URL; send `context.question_id`, or return "
        "`Pending.reference`.",
    ),
    Rule(
        "ticket-shared",
        Group.HOSTED,
        "Each person has a ticket of their own.",
        "Two people would see one another's session.",
        "Open a session for each question, and fetch the one of `Pending.state`.",
    ),
    Rule(
        "exchange-garbage",
        Group.HOSTED,
        "Whatever is posted as a wallet's answer, an exchange neither passes nor fails by it "
        "unless it verifies.",
        "Anybody who knows the address can post.",
        "Verify first; go on waiting, or raise `VendorError(Cause.NONSENSE)`.",
    ),
    Rule(
        "exchange-replay",
        Group.HOSTED,
        "A wallet's answer to one question is no answer to another.",
        "Somebody else's presentation would verify this person.",
        "Bind the request to the question by a nonce in `Pending.state`, and compare it.",
    ),
)

#: The rules by id, in the order of the page.
RULES = {rule.id: rule for rule in _ALL}
