"""Mistakes in the passport check."""

from tests.plugins.vendors.planted.planting import plant, rule


def _rule(rule_id: str) -> str:
    return rule("TestPassportCheck", rule_id, "test_passport.py")


def _own(name: str) -> str:
    return f"test_passport.py::{name}"


_UNKNOWN_WORD = "    if not isinstance(answer, str) or answer not in _OUTCOMES:"
_REFUSED = "    except VendorError as error:\n        error.codes += _error_codes(response)\n"

PLANTS = (
    plant(
        "an unknown word is a yes",
        "passport",
        _UNKNOWN_WORD,
        f'    if isinstance(answer, str) and answer != "NO":\n        return Outcome.PASSED\n{_UNKNOWN_WORD}',
        _rule("field-unheard-word"),
    ),
    plant(
        "an unknown word is a no",
        "passport",
        _UNKNOWN_WORD,
        '    if isinstance(answer, str) and answer != "YES":\n        return Outcome.FAILED\n'
        f"{_UNKNOWN_WORD}",
        _rule("field-unheard-word"),
    ),
    plant(
        "a word without its case is an answer",
        "passport",
        'body.get("response") if isinstance(body, dict) and body.get("error") is None else None',
        'str(body.get("response")).upper() if isinstance(body, dict) and body.get("error") is None else None',
        _own("test_what_is_neither_yes_nor_no_is_no_answer"),
    ),
    plant(
        "a missing word is a no",
        "passport",
        'body.get("response") if isinstance(body, dict)',
        'body.get("response", "NO") if isinstance(body, dict)',
        _rule("field-missing"),
    ),
    plant(
        "a yes with an error next to it is a yes",
        "passport",
        ' and body.get("error") is None else None',
        " else None",
        _own("test_what_is_neither_yes_nor_no_is_no_answer"),
    ),
    plant(
        "HTTP 400 is a no",
        "passport",
        _REFUSED,
        "    except VendorError as error:\n        if response.status == 400:\n"
        "            return Outcome.FAILED\n        error.codes += _error_codes(response)\n",
        _rule("example-outcome"),
    ),
    plant(
        "HTTP 404 is a no",
        "passport",
        _REFUSED,
        "    except VendorError as error:\n        if response.status == 404:\n"
        "            return Outcome.FAILED\n        error.codes += _error_codes(response)\n",
        _rule("status-as-answer"),
    ),
    plant(
        "the status does not count",
        "passport",
        "        response.require_success()\n",
        "        response.status\n",
        _own("test_errors"),
    ),
    plant(
        "the vendor's text is in the message",
        "passport",
        _REFUSED,
        "    except VendorError as error:\n        error.args = (response.content.decode(),)\n"
        "        error.codes += _error_codes(response)\n",
        _rule("vendor-text"),
    ),
    plant(
        "any text is an error code",
        "passport",
        "    return (text,) if _ERROR_CODE.fullmatch(text) else ()",
        "    return (text,) if text else ()",
        _own("test_errors"),
    ),
    plant(
        "the zone is in the message",
        "passport",
        '        message = "the answer is neither YES nor NO"\n',
        '        message = f"the answer {body} is neither YES nor NO"\n',
        _rule("vendor-text"),
    ),
    plant(
        "the secret is in the message",
        "passport",
        "        outcome = _read(response, transaction_id)\n",
        "        if response.status == 401:\n"
        "            secret = self._settings.client_secret.get_secret_value()\n"
        '            raise VendorError(Cause.AUTHENTICATION, f"{secret} is refused", vendor_name=_NAME)\n'
        "        outcome = _read(response, transaction_id)\n",
        _rule("secret-leak"),
    ),
    plant(
        "the zone is the reference",
        "passport",
        "            reference=correlation_id,\n",
        "            reference=mrz,\n",
        _rule("person-leak"),
    ),
    plant(
        "every check has one correlation id",
        "passport",
        "        correlation_id = str(uuid.uuid4())\n",
        "        correlation_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, self._settings.mrz_url))\n",
        _own("test_each_question_has_a_correlation_id_of_its_own"),
    ),
    plant(
        "whatever comes in the header is the transaction",
        "passport",
        "received if _ID.fullmatch(received) else correlation_id",
        "received or correlation_id",
        _own("test_without_an_id_of_theirs_ours_is_the_transaction"),
    ),
    plant(
        "a call that failed is made again",
        "passport",
        '        received = response.headers.get(_CORRELATION_ID, "")\n',
        "        if response.status >= 500:\n"
        '            response = await context.http.post(self._settings.mrz_url, json_body={"mrz": mrz})\n'
        '        received = response.headers.get(_CORRELATION_ID, "")\n',
        _rule("retries"),
    ),
    plant(
        "a passport card is sent as a book",
        "passport",
        'DocumentType.PASSPORT_CARD.value: "card"',
        'DocumentType.PASSPORT_CARD.value: "book"',
        _own("test_the_question"),
    ),
    plant(
        "the zone loses its line break",
        "passport",
        'json_body={"mrz": mrz, "category": category}',
        'json_body={"mrz": mrz.replace("\\n", ""), "category": category}',
        _own("test_the_question"),
    ),
    plant(
        "the credentials go to the health check",
        "passport",
        "context.http.get(self._settings.health_url, timeout_seconds=_HEALTH_SECONDS)",
        "context.http.get(\n                self._settings.health_url,\n"
        '                headers={"client-secret": self._settings.client_secret.get_secret_value()},\n'
        "            )",
        _own("test_the_health_check"),
    ),
    plant(
        "what is below a healthy service does not count",
        "passport",
        "all(map(_is_up, below))",
        "bool(below)",
        _own("test_the_health_check"),
    ),
    plant(
        "what is not a passport is checked as a book",
        "passport",
        '_CATEGORIES.get(request.applicant.document_type_received or "")',
        '_CATEGORIES.get(request.applicant.document_type_received or "", "book")',
        _own("test_what_is_no_passport_is_not_asked"),
    ),
)
