"""Mistakes in the products of LexisNexis."""

from tests.plugins.vendors.planted.planting import plant, rule

_DOCUMENTS = "test_contract_documents.py"
_IV, _PF, _TMX, _TRUE_ID = (
    "test_instant_verify.py",
    "test_phone_finder.py",
    "test_threat_metrix.py",
    "test_true_id.py",
)
_READING, _SIGNING = "test_true_id_reading.py", "test_authorization.py"

PLANTS = (
    plant(
        "a failed check outweighs the verdict",
        "resolution_answers",
        "outcome=Outcome.PASSED if conversation.passed else Outcome.FAILED",
        "outcome=Outcome.PASSED if conversation.passed and not failed else Outcome.FAILED",
        f"{_IV}::test_a_yes_with_a_failed_check_is_a_yes",
    ),
    plant(
        "an unknown status of the transaction is a no",
        "envelope",
        'verdict: Literal["passed", "failed", "error"] = Field',
        "verdict: str = Field",
        rule("TestInstantVerify", "verdict-unknown-no"),
    ),
    plant(
        "an unknown status of a check is a failed one",
        "envelope",
        'Status = Literal["pass", "passed", "fail", "error"]',
        "Status = str",
        rule("TestInstantVerify", "field-unheard-word"),
    ),
    plant(
        "a transaction that ended with an error is a no",
        "envelope",
        'if status.verdict == "error":',
        'if status.verdict == "an error":',
        rule("TestInstantVerify", "example-outcome"),
    ),
    plant(
        "a check without a record is a mismatch",
        "resolution_answers",
        "return Match.UNAVAILABLE if has_no_record else Match.MISMATCH",
        "return Match.MISMATCH",
        f"{_IV}::test_no_record_is_no_mismatch",
    ),
    plant(
        "a check that ended with an error is a mismatch",
        "resolution_answers",
        '    if item.status == "error":\n        return Match.NOT_CHECKED\n',
        "",
        f"{_IV}::test_no_record_is_no_mismatch",
    ),
    plant(
        "somebody who is not known to be dead verifies an attribute",
        "resolution_answers",
        "_NOT_VERIFIABLE = frozenset({_DEAD, _UNKNOWN})",
        "_NOT_VERIFIABLE = frozenset()",
        f"{_IV}::test_each_check_has_its_attribute",
    ),
    plant(
        "the secret is decoded as base64",
        "authorization",
        "secret=key.secret_key.get_secret_value().encode(),",
        'secret=base64.b64decode(key.secret_key.get_secret_value() + "=="),',
        rule("TestInstantVerify", "bytes-signed"),
    ),
    plant(
        "the hash of the body has no key",
        "authorization",
        'mac = hmac.new(secret, digestmod="sha256")',
        'mac = __import__("hashlib").sha256()',
        rule("TestPhoneFinder", "bytes-signed"),
        f"{_SIGNING}::test_the_vector",
    ),
    plant(
        "the scheme is signed with the host",
        "authorization",
        'return _hmac(settings.base_url.partition("://")[2], account.hmac)',
        "return _hmac(settings.base_url, account.hmac)",
        rule("TestInstantVerify", "bytes-signed"),
    ),
    plant(
        "the port is not signed",
        "authorization",
        'settings.base_url.partition("://")[2]',
        'settings.base_url.partition("://")[2].partition(":")[0]',
        f"{_SIGNING}::test_what_is_sent_is_what_is_signed",
    ),
    plant(
        "all requests have one nonce",
        "authorization",
        "nonce=str(uuid.uuid4()),",
        "nonce=str(uuid.UUID(int=1)),",
        f"{_SIGNING}::test_no_two_requests_have_one_nonce",
    ),
    plant(
        "the birth date is numbers in the second version",
        "fields",
        "_parts(born) if integer_dates else {k: str(v) for k, v in _parts(born).items()}",
        "_parts(born)",
        f"{_IV}::test_the_request",
    ),
    plant(
        "the birth date has hyphens on the other platform",
        "fields",
        'born.isoformat().replace("-", "") if born',
        "born.isoformat() if born",
        f"{_IV}::test_the_request_of_the_other_platform",
    ),
    plant(
        "the ZIP code keeps its extension",
        "fields",
        'five[0] if five else ""',
        'applicant.zipcode or ""',
        f"{_IV}::test_the_request",
    ),
    plant(
        "the phone has its country code",
        "fields",
        "    return phone\n",
        '    return f"1{phone}"\n',
        f"{_PF}::test_the_request_of_the_second_version",
    ),
    plant(
        "the outer review status decides",
        "ddp",
        '        place = f"{self._org_id}:{self._policy}"\n',
        '        if answer.get("review_status") == "reject":\n            raise not_understood(self._name)\n'
        '        place = f"{self._org_id}:{self._policy}"\n',
        f"{_IV}::test_the_outer_review_status_decides_nothing",
        rule("TestPhoneFinderDDP", "example-outcome"),
    ),
    plant(
        "a request that nobody says was taken is answered",
        "ddp",
        'if result == "success":',
        'if result in {None, "success"}:',
        f"{_TMX}::test_a_pass_says_that_the_request_was_one",
    ),
    plant(
        "a product that was late is nonsense",
        "ddp",
        'block.get("tps_was_timeout") == "yes"',
        'block.get("tps_was_timeout") is True',
        f"{_IV}::test_no_answer_inside_the_answer",
    ),
    plant(
        "the key is in the message",
        "ddp",
        '            "the vendor refuses the request",\n',
        '            f"the vendor refuses the request with {self._api_key.get_secret_value()}",\n',
        rule("TestThreatMetrix", "secret-leak"),
    ),
    plant(
        "an unknown review status is a pass",
        "threat_metrix",
        '        raise not_understood(NAME, "the review status", transaction_id=transaction_id) from None\n',
        "        status = ReviewStatus.PASS\n",
        rule("TestThreatMetrix", "verdict-unheard-word"),
    ),
    plant(
        "a call that failed is made again",
        "rdp",
        "        return read_conversation(",
        "        if response.status >= 500:\n"
        "            url = self._base_url + self._path\n"
        "            response = await context.http.post(url, content=body, headers=sent)\n"
        "        return read_conversation(",
        rule("TestPhoneFinder", "retries"),
    ),
    plant(
        "the body of an error is in the message",
        "envelope",
        "        error.codes += _error_codes(response)\n",
        "        error.args = (response.content.decode(),)\n",
        rule("TestInstantVerify", "vendor-text"),
    ),
    plant(
        "the error carries what could not be read",
        "envelope",
        "        raise not_understood(vendor_name) from None\n",
        "        raise not_understood(vendor_name)\n",
        rule("TestInstantVerify", "exception-chain"),
    ),
    plant(
        "free text is a code",
        "envelope",
        "text for text in bare if _CODE.fullmatch(text)",
        "text for text in bare if text",
        f"{_IV}::test_codes_are_codes",
    ),
    plant(
        "the engine outweighs the transaction",
        "document_answers",
        "        conversation.passed\n        and not refused\n",
        '        conversation.passed\n        and details.result == "Passed"\n        and not refused\n',
        f"{_TRUE_ID}::test_the_transaction_outweighs_the_engine",
    ),
    plant(
        "a selfie that was not compared passes",
        "document_answers",
        "selfie is SelfieCheck.MATCH)\n",
        "selfie in {SelfieCheck.MATCH, SelfieCheck.NOT_CHECKED})\n",
        f"{_TRUE_ID}::test_what_the_comparison_came_to",
    ),
    plant(
        "the selfie may be of a photo",
        "assureid",
        "    if message == _NOT_LIVE:\n        return SelfieCheck.NOT_LIVE\n",
        "",
        f"{_TRUE_ID}::test_what_the_comparison_came_to",
    ),
    plant(
        "the day of the expiration date is spelled right",
        "true_id_reading",
        'fields.get("Fields_xpirationDate_Day") or day',
        "day",
        f"{_READING}::test_the_misspelled_day",
    ),
    plant(
        "the first alert swallows the tenth",
        "true_id_details",
        "_known(_first(self._result, f\"Alert_{found['number']}_AuthenticationResult\"))",
        "_known([_first(self._result, name) for name in self._result"
        " if name.startswith(f\"Alert_{found['number']}\")"
        ' and name.endswith("AuthenticationResult")][-1])',
        f"{_TRUE_ID}::test_the_first_alert_does_not_swallow_the_tenth",
    ),
    plant(
        "front and back are swapped",
        "true_id",
        "    return front, back, selfie\n",
        "    return (back, front, selfie) if back is not None else (front, back, selfie)\n",
        rule("TestTrueID", "sides-swapped", _DOCUMENTS),
    ),
    plant(
        "a tribal card is accepted",
        "assureid",
        "self.issuer not in {None, *_ISSUERS}",
        "False",
        f"{_TRUE_ID}::test_issuers_that_are_not_accepted",
    ),
)
