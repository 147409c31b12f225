"""Mistakes in the adapter of Twilio Lookup."""

from tests.plugins.vendors.planted.planting import plant, rule


def _rule(rule_id: str) -> str:
    return rule("TestTwilio", rule_id)


def _signals(rule_id: str) -> str:
    return rule("TestTwilioWithSignals", rule_id)


PLANTS = (
    plant(
        "no data is a no",
        "lookup",
        'verdict.add(Outcome.UNKNOWN, f"{attribute}_unavailable")',
        'verdict.add(Outcome.FAILED, f"{attribute}_unavailable")',
        _rule("example-outcome"),
    ),
    plant(
        "no data is a mismatch",
        "lookup",
        "found[attribute] = Match.UNAVAILABLE",
        "found[attribute] = Match.MISMATCH",
        _rule("example-attributes"),
        "test_lookup.py::test_no_data_is_not_a_mismatch",
    ),
    plant(
        "a partial match passes",
        "lookup",
        "elif level not in self._settings.match_levels:",
        "elif not level:",
        _rule("example-outcome"),
    ),
    plant(
        "an unknown level is a mismatch",
        "answer",
        '_Level = MatchLevel | Literal["no_match", "no_data_available"]',
        "_Level = str",
        _rule("field-unheard-word"),
    ),
    plant(
        "a match that is missing passes",
        "lookup",
        '            raise _nonsense("a match that was asked for is missing")\n',
        "            return\n",
        _rule("field-missing"),
        "test_lookup.py::test_what_twilio_does_not_document",
    ),
    plant(
        "an error of the comparison is no coverage",
        "lookup",
        "if identity.error_code not in NO_DATA:",
        "if identity.error_code == 0:",
        _rule("example-outcome"),
    ),
    plant(
        "an error of the line is no coverage",
        "lookup",
        "if line.error_code is not None and line.error_code not in NO_DATA:",
        "if line.error_code == 0:",
        _rule("example-outcome"),
    ),
    plant(
        "a package that is not enabled has no data",
        "answer",
        "        60607,  # not for this country\n",
        "        60606,\n        60607,  # not for this country\n",
        _rule("example-outcome"),
    ),
    plant(
        "an unknown line is not accepted",
        "lookup",
        'line.type in {None, "unknown"}',
        "line.type is None",
        _rule("example-outcome"),
    ),
    plant(
        "any line is accepted",
        "lookup",
        "elif line.type not in self._settings.line_types:",
        "elif not self._settings.line_types:",
        _rule("example-outcome"),
    ),
    plant(
        "the answer may be about another number",
        "lookup",
        "if answer.valid and answer.phone_number != number:",
        "if answer.valid and not number:",
        "test_lookup.py::test_what_twilio_does_not_document",
    ),
    plant(
        "the score does not count",
        "lookup",
        "if identity.summary_score < settings.min_summary_score:",
        "if identity.summary_score < 0:",
        _rule("example-outcome"),
    ),
    plant(
        "a score that is missing passes",
        "lookup",
        'raise _nonsense("the summary score is missing")',
        "return",
        "test_lookup.py::test_what_twilio_does_not_document",
    ),
    plant(
        "a number that does not exist is not known",
        "lookup",
        'verdict.add(Outcome.FAILED, "phone_invalid")',
        'verdict.add(Outcome.UNKNOWN, "phone_invalid")',
        _rule("example-outcome"),
    ),
    plant(
        "the key is in the message",
        "lookup",
        "        answer = read_answer(response)\n",
        "        if response.status == 401:\n"
        '            raise VendorError(Cause.AUTHENTICATION, f"{self._headers} refused", vendor_name=_NAME)\n'
        "        answer = read_answer(response)\n",
        _rule("secret-leak"),
    ),
    plant(
        "the number is in the message",
        "lookup",
        "        answer = read_answer(response)\n",
        "        if response.status == 404:\n"
        '            raise VendorError(Cause.BAD_REQUEST, f"{number} was not found", vendor_name=_NAME)\n'
        "        answer = read_answer(response)\n",
        _rule("person-leak"),
    ),
    plant(
        "a number that is not found is a no",
        "lookup",
        "        answer = read_answer(response)\n",
        "        if response.status == 404:\n"
        "            return PhoneResult(\n"
        '                vendor_name=_NAME, outcome=Outcome.FAILED, attributes={"phone": Match.MISMATCH}\n'
        "            )\n"
        "        answer = read_answer(response)\n",
        _rule("status-as-answer"),
    ),
    plant(
        "Twilio's text is in the message",
        "answer",
        "        str(error),\n",
        '        f"{error}: {response.content.decode()}",\n',
        _rule("vendor-text"),
    ),
    plant(
        "the answer is in the message",
        "answer",
        "    except ValidationError:\n        # Pydantic's own message quotes the body, so it ends here.\n"
        '        message = "the answer is not a lookup"\n',
        "    except ValidationError as error:\n        message = str(error)\n",
        _rule("vendor-text"),
    ),
    plant(
        "a call that failed is made again",
        "lookup",
        "        answer = read_answer(response)\n",
        "        if response.status >= 500:\n"
        "            response = await context.http.get(url, headers=self._headers)\n"
        "        answer = read_answer(response)\n",
        _rule("retries"),
    ),
    plant(
        "the number is logged with its path",
        "__init__",
        "personal_urls=True",
        "personal_urls=False",
        "test_lookup.py::test_no_log_line_names_the_number",
        _rule("person-leak"),
    ),
    plant(
        "the plus is a space",
        "lookup",
        "{quote(number, safe='')}",
        "{number}",
        "test_lookup.py::test_what_is_sent",
    ),
    plant(
        "what is not known is compared",
        "lookup",
        "            if value := getattr(applicant, attribute):\n                yield parameter, value\n",
        '            yield parameter, getattr(applicant, attribute) or ""\n',
        "test_lookup.py::test_what_is_not_known_is_not_sent",
    ),
    plant(
        "a carrier that does not say has not swapped",
        "lookup",
        "if last is None or last.swapped_in_period is None:",
        "if last is None:",
        _signals("example-facts"),
    ),
    plant(
        "an owner of whom there is no data is the same",
        "lookup",
        'if owner.error_code is not None or owner.is_number_reassigned == "no_data_available":',
        "if owner.error_code is not None:",
        _signals("example-facts"),
    ),
    plant(
        "a check of the SIM that was not made passes",
        "lookup",
        "_has_failed(swap.error_code, ",
        "_has_failed(None, ",
        _signals("example-outcome"),
    ),
    plant(
        "a swapped SIM is a note",
        "lookup",
        "Signal.FAIL: Outcome.FAILED",
        "Signal.FAIL: None",
        _signals("example-outcome"),
    ),
    plant(
        "error codes are numbers",
        "answer",
        "return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value",
        "return value",
        "test_lookup.py::test_signs_without_data_are_held_against_nobody",
    ),
)
