"""Mistakes in the adapter of Stripe Identity."""

from tests.plugins.vendors.planted.planting import plant, rule


def _rule(rule_id: str) -> str:
    return rule("TestStripe", rule_id)


_OPENED = (
    "        session = read_session(response)\n        self._require_own(session, context)\n"
    "        return Pending("
)

PLANTS = (
    plant(
        "any answer to a redaction is one",
        "proofer",
        "if read_session(response).redaction is None:",
        "if response.status >= 500:",
        "test_redaction.py::test_what_was_not_redacted_is_an_error",
        "test_redaction.py::test_an_answer_that_says_nothing_of_a_redaction_is_none",
    ),
    plant(
        "an answer is lost for a redaction that failed",
        "proofer",
        "        except VendorError as error:\n            log(\n",
        "        except VendorError as error:\n            if error.retry_after is None:\n"
        "                raise\n            log(\n",
        "test_redaction.py::test_where_wanted_an_answer_that_was_read_is_redacted",
    ),
    plant(
        "an unknown reason is a no",
        "results",
        "no = _NOS.get(code)\n",
        "no = _NOS.get(code, _No(FindingCode.OTHER))\n",
        "test_session.py::test_a_reason_that_is_not_documented",
    ),
    plant(
        "who does not finish is refused",
        "results",
        "if code in _ENDED:",
        "if code not in _NOS and code not in _ENDED:",
        _rule("example-outcome"),
        "test_session.py::test_who_does_not_finish",
    ),
    plant(
        "another face is a bad image",
        "results",
        '"selfie_face_mismatch": _No(selfie=SelfieCheck.NO_MATCH)',
        '"selfie_face_mismatch": _No(selfie=SelfieCheck.BAD_QUALITY)',
        _rule("example-facts"),
    ),
    plant(
        "the checks of a report do not count",
        "results",
        "not all(check is None or check.is_verified for check in checks)",
        "not checks",
        _rule("example-outcome"),
        "test_session.py::test_what_is_not_quite_verified",
    ),
    plant(
        "a face that was not compared passes",
        "results",
        "if (selfie and report.selfie is None) or not all(",
        "if not all(",
        "test_session.py::test_what_is_not_quite_verified",
    ),
    plant(
        "a check with an error is verified",
        "session",
        'return self.status == "verified" and self.error is None',
        'return self.status == "verified"',
        _rule("example-outcome"),
    ),
    plant(
        "an unknown status of a check is not a verified one",
        "session",
        'status: Literal["verified", "unverified"]',
        "status: str",
        "test_sdk.py::test_every_status_of_the_sdk_is_read",
    ),
    plant(
        "what was redacted is read",
        "results",
        "    if session.redaction is not None:\n",
        "    if session.redaction is not None and report is None:\n",
        _rule("example-outcome"),
    ),
    plant(
        "documents of any country are taken",
        "results",
        "is_ours = document.issuing_country == _COUNTRY and kind is not None",
        "is_ours = kind is not None",
        _rule("example-outcome"),
    ),
    plant(
        "day and month are swapped",
        "session",
        'f"{self.year:04d}-{self.month:02d}-{self.day:02d}"',
        'f"{self.year:04d}-{self.day:02d}-{self.month:02d}"',
        "test_session.py::test_a_verified_session",
    ),
    plant(
        "the date of issue is the expiration date",
        "results",
        "state_id_expiration=document.expiration_date.iso() if document.expiration_date else None",
        "state_id_expiration=document.issued_date.iso() if document.issued_date else None",
        "test_session.py::test_a_verified_session",
    ),
    plant(
        "a report without birth date and number passes",
        "results",
        "if document.dob is None and document.number is None:",
        "if document.type is None and document.number is None:",
        "test_session.py::test_a_key_that_may_not_read_the_results",
    ),
    plant(
        "sensitive fields are not asked for",
        "proofer",
        '    "last_verification_report.document.number",\n',
        "",
        "test_session.py::test_the_result_is_fetched_with_what_is_sensitive",
    ),
    plant(
        "the session may be of another question",
        "proofer",
        'if session.metadata.get("question_id") != context.question_id:',
        'if "question_id" not in session.metadata:',
        "test_session.py::test_what_is_not_quite_verified",
    ),
    plant(
        "the session may be another one",
        "proofer",
        "if session.id != opened:",
        "if not opened:",
        "test_session.py::test_what_is_not_quite_verified",
    ),
    plant(
        "a session of tests is a real one",
        "proofer",
        "if session.livemode is not self._is_live:",
        "if self._is_live and session.livemode is None:",
        "test_session.py::test_what_is_not_quite_verified",
    ),
    plant(
        "people are sent to any host that begins like Stripe's",
        "proofer",
        'session.url.startswith(f"{self._settings.pages_url}/")',
        "session.url.startswith(self._settings.pages_url)",
        "test_session.py::test_people_are_sent_to_stripe_alone",
    ),
    plant(
        "each session has a key of its own",
        "proofer",
        '"idempotency-key": context.idempotency_key,',
        '"idempotency-key": str(context.now().timestamp()),',
        "test_session.py::test_a_session_is_opened",
    ),
    plant(
        "the key is in the message",
        "proofer",
        _OPENED,
        "        if response.status == 401:\n"
        '            raise VendorError(Cause.AUTHENTICATION, f"{self._headers} refused", vendor_name=_NAME)\n'
        + _OPENED,
        _rule("secret-leak"),
    ),
    plant(
        "Stripe's text is in the message",
        "session",
        "        str(error),\n",
        '        f"{error}: {response.content.decode()}",\n',
        _rule("vendor-text"),
    ),
    plant(
        "the error carries what could not be read",
        "session",
        'raise nonsense("the answer is not a verification session", response.vendor_name) from None',
        'raise nonsense("the answer is not a verification session", response.vendor_name)',
        _rule("exception-chain"),
    ),
    plant(
        "too many calls are a bad request",
        "session",
        '"rate_limit": Cause.QUOTA',
        '"rate_limit": Cause.BAD_REQUEST',
        _rule("example-outcome"),
    ),
    plant(
        "the signature is not compared",
        "webhook",
        "if not any(keys.verify(signed, mac) for mac in macs):",
        "if not macs:",
        _rule("webhook-forged"),
    ),
    plant(
        "the time of a signature does not count",
        "webhook",
        "if abs(now.timestamp() - int(times[0])) > TOLERANCE_SECONDS:",
        "if now.timestamp() < 0:",
        _rule("webhook-replay"),
    ),
    plant(
        "the signature is over other bytes",
        "webhook",
        'signed = times[0].encode() + b"." + incoming.body',
        'signed = times[0].encode() + b"." + b" ".join(incoming.body.split())',
        _rule("webhook-bytes"),
    ),
    plant(
        "only the first signature counts",
        "webhook",
        "for part in parts if (found := _MAC.fullmatch(part))]",
        "for part in parts if (found := _MAC.fullmatch(part))][:1]",
        "test_webhook.py::test_signed_with_one_of_our_secrets",
    ),
    plant(
        "the secret from before is refused",
        "webhook",
        "self._keys = MACKeys(secret.get_secret_value().encode(), old)",
        "self._keys = MACKeys(secret.get_secret_value().encode(), [])",
        _rule("webhook-rotation"),
    ),
    plant(
        "without a secret everything is believed",
        "webhook",
        "    if keys is None or len(times) != 1:\n",
        "    if keys is None:\n        return\n    if len(times) != 1:\n",
        "test_webhook.py::test_a_webhook_without_a_secret_refuses_everything",
    ),
    plant(
        "events of others in the account are ours",
        "webhook",
        "    if question_id is None:  # somebody else",
        '    if question_id == "":  # somebody else',
        "test_webhook.py::test_events_that_are_about_something_else",
    ),
)
