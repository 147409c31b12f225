"""The rules of what an author provides, and of how answers are read."""

from proofing.contracts.plugin_settings import JOB_DEADLINE_SECONDS
from proofing.testing.vendors.rule import Group, Rule

ANSWER_RULES = (
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
        "The job would end first, as our own time-out, and the answer that was paid for is lost.",
        f"Declare what one question may really take, {JOB_DEADLINE_SECONDS:g} seconds at most; the type of "
        "such a setting is `QuestionSeconds`.",
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
        "Provide `answers` with at least a yes, a no and every verdict that the vendor documents.",
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
        "word-dropped",
        Group.VERDICTS,
        "A word that nobody has heard of, in a list or member that another example has and a yes has not, "
        "is not dropped.",
        "A new flag would count as none at all.",
        "Look each word up in a table of the documented ones, and raise `VendorError(Cause.NONSENSE)` for "
        "others; a place where the vendor announces new words is named in `open_places`.",
    ),
    Rule(
        "verdict-unknown-no",
        Group.VERDICTS,
        "A word that nobody has heard of, or a wrong type, is never read as a no, nor as anything else that "
        "no example comes to.",
        "A person would be refused, and an attempt used, by a change in the vendor's API; and "
        "`except Exception` that returns `Outcome.UNKNOWN` makes a result of every bug, which alarms nobody.",
        "Compare with the documented no; raise `VendorError(Cause.NONSENSE)` for anything else. Provide an "
        "example of each documented answer that comes to `UNKNOWN` or `REVIEW`.",
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
        "verdict-unread",
        Group.VERDICTS,
        "A verdict in a yes that becomes a no changes the result, and so does `done` that becomes `pending`.",
        "An adapter that reads one of several verdicts passes people whom the vendor refused.",
        "Read each verdict of the answer; one that does not count for your question is named in "
        "`open_places`, with the reason.",
    ),
    Rule(
        "item-unread",
        Group.VERDICTS,
        "What counts in a list counts wherever in it it is.",
        "An adapter that reads the first item of a list passes people of whom a later one says no.",
        "Read each item; a list of which one item alone holds is named in `open_places`, with the reason.",
    ),
    Rule(
        "verdict-missing",
        Group.VERDICTS,
        "A yes without the value that makes it a yes, or with null there, is neither yes nor no.",
        "What the vendor left out was not said.",
        "Require the field. Where the vendor may leave it out in a yes, provide such a yes as an example.",
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
        "answer-misplaced",
        Group.VERDICTS,
        "What a place of the answer says of an attribute is not read as being about another.",
        "A mismatch of the birth date would be told, and retried, as one of the name.",
        "Correct the table of fields; where the name of the place misleads, say in `sent_as` what it holds.",
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
        "error-cause",
        Group.VERDICTS,
        "A refused key, a rate limit, an outage, a time-out and nonsense each have their own `Cause`.",
        "Alarms, retries and what people read depend on the cause.",
        "`response.require_success()` and `response.json()` raise the right one; do not catch what they and "
        "`context.http` raise.",
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
        "HTTP 200 with an empty, foreign or broken body is an error, not a result, `UNKNOWN` included.",
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
        "verdict-unasked",
        Group.VERDICTS,
        "Nobody passes or fails about whom the vendor was not asked, or of whom it said something else, "
        "whatever is unknown or unusual of a person.",
        "An adapter that decides by itself passes people whom nobody verified.",
        "Ask with what is known, or raise `VendorError(Cause.BAD_REQUEST)`; remove what is there for tests.",
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
)
