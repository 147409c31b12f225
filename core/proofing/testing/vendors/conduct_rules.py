"""The rules of what a proofer does: with state, network, data, requests, webhooks and time."""

from proofing.testing.vendors.rule import Group, Rule

CONDUCT_RULES = (
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
        "Ten questions at once each see their own person, ticket, key and answer.",
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
        "state-kept",
        Group.STATE,
        "After the answer neither the proofer nor its modules and classes hold anything of the person, nor "
        "grow with each question.",
        "What is kept outlives the person's erasure, and fills the memory of the worker.",
        "Keep everything of a question in local variables; no dictionary, list or `lru_cache` of people.",
    ),
    Rule(
        "left-running",
        Group.STATE,
        "After the answer no task of the question runs on, and nobody is called.",
        "What runs on has no deadline, is not canceled, and is billed to nobody.",
        "Await what you begin, such as with `asyncio.TaskGroup`.",
    ),
    Rule(
        "environment",
        Group.STATE,
        "In production it asks and answers as in development.",
        "What only happens in one of them is tried nowhere.",
        "Do not decide by `ProcessContext.environment`; a stand-in belongs into `stand_in`.",
    ),
    Rule(
        "settings-mixed",
        Group.STATE,
        "Two proofers that are made with other settings each use their own.",
        "Settings change while a process runs; what lies in a module is that of the first, or the last one.",
        "Keep settings, and what is made of them, on the proofer.",
    ),
    Rule(
        "settings-unused",
        Group.STATE,
        "Each secret of the settings makes a difference.",
        "A key that is never sent lets nobody in, or something else takes its place.",
        "Use the field where the call is made, or remove it.",
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
        "A call that failed is not repeated, nor one whose answer is not there yet.",
        "The vendor may bill each, and an outage gets worse. Core repeats what never connected, "
        "and asks again "
        "later.",
        "Raise the error, with the vendor's `retry_after`; to ask later, return `Pending` with `Again`.",
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
        "A canceled question ends at once with its request and its tasks, and calls nobody anymore.",
        "Workers cancel when a person withdraws or a process stops; `except BaseException` and `except "
        "CancelledError` keep it alive, and `asyncio.shield` its request.",
        "Catch `VendorError`, or let it pass; await each call itself, without `shield`.",
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
        "Nobody sleeps before the vendor is asked, also where several people are asked about at once.",
        "The person waits, and the slot is taken.",
        "Remove the sleep; to ask later, return `Pending` with `Again`.",
    ),
    Rule(
        "one-by-one",
        Group.NETWORK,
        "Questions about several people are with the vendor at the same time.",
        "Behind a lock people wait for one another; with a slow vendor the last ones have no answer in time.",
        "Keep a lock around a login alone, or use `context.cache`; of a vendor that takes few calls at once, "
        "name the setting `vendor_concurrency_limits`.",
    ),
    Rule(
        "paid-call",
        Group.NETWORK,
        "A call that asks about the person is not within `context.unbilled()`, unless the question continues "
        "with the person.",
        "A worker that is killed in a call that costs nothing makes it again; one that is paid must not be "
        "billed twice.",
        "Keep `unbilled()` for logins, health checks and polls. Where the vendor bills nothing, say so "
        "in an exemption.",
    ),
    Rule(
        "login-billed",
        Group.NETWORK,
        "A call that only lets the next one in is within `context.unbilled()`.",
        "A worker that is killed in a login would leave the question unanswered, as if it had been paid.",
        "Fetch tokens and sessions within `context.unbilled()`.",
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
        "Errors, codes, log lines and names in `context.cache` are the same for two people with the "
        "same answer.",
        "Last four digits, initials, lengths and hashes are personal data.",
        "Leave out everything that is made from the applicant, the reference included.",
    ),
    Rule(
        "secret-traced",
        Group.DATA,
        "Errors, codes and log lines are the same under other secrets.",
        "First characters, lengths and hashes of a key help to guess it.",
        "Leave out everything that is made from a secret; to tell keys apart, log the name of the setting.",
    ),
    Rule(
        "image-leak",
        Group.DATA,
        "No bytes of an image are in an error, a log line or on stdout, and no score of it is a code.",
        "They show the person; a score of a face is biometric data.",
        "Log sizes, never content; compare the score with its threshold, and keep what that came to.",
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
        "The answer is of the kind's result type, down to its fields; the worker itself checks it. `Again` "
        "comes before `expires_at`, which is never moved further away.",
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
        "Names and numbers with `<`, `&`, quotes and other scripts leave the request well-formed, with the "
        "same structure, and are escaped once.",
        "A name could break the request, or change its meaning; one that is escaped twice is another name.",
        "Build JSON with `json_body`, escape XML with `xml.sax.saxutils.escape`, and encode forms "
        "with `urlencode`.",
    ),
    Rule(
        "attribute-misplaced",
        Group.REQUESTS,
        "A place of the request whose name says an attribute holds that attribute.",
        "First and last name exchanged come back as a mismatch of an honest person.",
        "Correct the request; `sent_as` of the suite names what a place holds whose name does not tell, or "
        "misleads.",
    ),
    Rule(
        "attribute-altered",
        Group.REQUESTS,
        "What is sent of an attribute is all of it: dates with month before day, states as two letters, and "
        "names with letters that ASCII does not have.",
        "A vendor compares what it gets: half an SSN matches more people, or nobody.",
        "Send the attribute as it is; where the vendor takes another form, name it in `altered`, with the "
        "reason.",
    ),
    Rule(
        "bytes-signed",
        Group.REQUESTS,
        "`assert_signed` accepts every request: the signature is over the bytes that are sent.",
        "A JSON that is written twice differs in a space, and the vendor refuses it.",
        "Sign the `bytes` or `StreamedBody` that you pass as `content`; provide `assert_signed`.",
    ),
    Rule(
        "sides-swapped",
        Group.REQUESTS,
        "Front and back of a document are sent as such, in whatever order the question has them.",
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
        "What the vendor signs is accepted, and names the question; posted again, it has the same id.",
        "Otherwise people wait until the question is due, or the same event counts twice.",
        "Read `question_id` or `reference` from the event; judge time by `now`.",
    ),
    Rule(
        "webhook-forged",
        Group.WEBHOOKS,
        "What another secret signed, or what was changed after signing, is refused, and says nothing of a "
        "question.",
        "Anybody can post to the address. A forged post that is answered with 200 looks like one that is "
        "taken.",
        "Compare a MAC over the received bytes in constant time (`MACKeys.verify`), and raise "
        "`NotAuthenticError`; take the ids of the question from the signed body.",
    ),
    Rule(
        "webhook-header",
        Group.WEBHOOKS,
        "A post whose signature is missing, empty or no signature at all is refused, whatever it says.",
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
        "ticket-answer",
        Group.HOSTED,
        "What the vendor sends about another id than that of the question is no answer.",
        "Somebody else's answer would be this person's.",
        "Compare the id with that of `Pending.state`, and raise `VendorError(Cause.NONSENSE)` for another.",
    ),
    Rule(
        "page-elsewhere",
        Group.HOSTED,
        "People are sent to the vendor's page alone, whatever address an answer has.",
        "An answer that was forged, or a mistake of the vendor's, would send people with their documents to "
        "anybody.",
        "Compare the address with the documented beginning of the vendor's pages.",
    ),
    Rule(
        "exchange-garbage",
        Group.HOSTED,
        "Whatever is posted as a wallet's answer, an exchange neither passes nor fails by it "
        "unless it verifies.",
        "Anybody who knows the address can post.",
        "Verify first; keep waiting, or raise `VendorError(Cause.NONSENSE)`.",
    ),
    Rule(
        "exchange-replay",
        Group.HOSTED,
        "A wallet's answer to one question is no answer to another.",
        "Somebody else's presentation would verify this person.",
        "Bind the request to the question by a nonce in `Pending.state`, and compare it.",
    ),
)
