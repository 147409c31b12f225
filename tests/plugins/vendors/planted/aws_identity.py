"""Mistakes in the adapter of Textract and Rekognition."""

from tests.plugins.vendors.planted.planting import plant, rule


def _reading(rule_id: str) -> str:
    return rule("TestReading", rule_id)


def _comparing(rule_id: str) -> str:
    return rule("TestReadingAndComparing", rule_id)


PLANTS = (
    plant(
        "any similarity is a match",
        "compare_faces",
        "if answer.matches and answer.matches[0].similarity >= min_similarity:",
        "if answer.matches:",
        _comparing("example-outcome"),
    ),
    plant(
        "one of several faces is enough",
        "compare_faces",
        "if len(answer.matches) + len(answer.unmatched) > 1:",
        "if len(answer.matches) > 1:",
        _comparing("example-outcome"),
    ),
    plant(
        "no face is a match",
        "compare_faces",
        '        return SelfieCheck.NO_FACE, "face_not_found"\n    if len',
        "        return SelfieCheck.MATCH, None\n    if len",
        "test_comparing.py::test_comparisons",
    ),
    plant(
        "an image without a face is a bad request",
        "compare_faces",
        "_REFUSALS = frozenset({_NO_FACE, ",
        "_REFUSALS = frozenset({",
        _comparing("example-outcome"),
    ),
    plant(
        "another face passes",
        "proofer",
        "is_same = check in {SelfieCheck.MATCH, SelfieCheck.NOT_CHECKED}",
        "is_same = check is not SelfieCheck.NOT_LIVE",
        _comparing("example-outcome"),
    ),
    plant(
        "a selfie is compared that nobody wanted",
        "proofer",
        "if self._compares and request.wanted.selfie else None",
        "if self._compares else None",
        "test_comparing.py::test_no_comparison_where_none_is_wanted_or_possible",
    ),
    plant(
        "a comparison is paid for that decides nothing",
        "proofer",
        "if selfie is None or not reading.is_clear:",
        "if selfie is None:",
        "test_comparing.py::test_no_comparison_where_nothing_was_read",
    ),
    plant(
        "a selfie is no sign of a living face",
        "proofer",
        'else ["liveness_not_checked"]',
        "else []",
        _comparing("example-facts"),
    ),
    plant(
        "reading authenticates",
        "proofer",
        "assurance=Assurance.READ,",
        "assurance=Assurance.AUTHENTICATED,",
        _reading("example-facts"),
    ),
    plant(
        "images of any size are sent",
        "proofer",
        "if len(content.content) > most",
        "if len(content.content) > most * 100",
        "test_comparing.py::test_images_that_are_too_large_for_either_service",
    ),
    plant(
        "what Textract is not sure of is read",
        "analyze_id",
        "value.confidence is not None and value.confidence >= self.min_confidence",
        "value.confidence is not None",
        _reading("example-facts"),
    ),
    plant(
        "of two values the last is right",
        "analyze_id",
        "is_clear = before is None or before.text == value.text",
        "is_clear = True",
        "test_reading.py::test_two_values_of_one_field_are_none",
    ),
    plant(
        "dates are as they are written",
        "analyze_id",
        'parse_date(normalized.value.partition("T")[0] if normalized is not None else text)',
        "parse_date(text)",
        "test_reading.py::test_dates",
    ),
    plant(
        "a document without an expiration date passes",
        "analyze_id",
        "findings = () if applicant.state_id_expiration else (_no_expiration(side),)",
        "findings = ()",
        _reading("example-outcome"),
    ),
    plant(
        "page and zone may differ",
        "analyze_id",
        "for page, below, code in compared if page and page != below]",
        "for page, below, code in compared if page and not below]",
        _reading("example-outcome"),
    ),
    plant(
        "passports of any country are taken",
        "analyze_id",
        'if zone.issuer != "USA":',
        "if not zone.issuer:",
        _reading("example-outcome"),
    ),
    plant(
        "a zone with a wrong digit is read",
        "mrz",
        " or not _digits_hold(zone)",
        "",
        "test_mrz.py::test_one_wrong_character",
    ),
    plant(
        "a document of unknown type is a license",
        "analyze_id",
        'kind = page.text("ID_TYPE")\n',
        'kind = page.text("ID_TYPE")\n    kind = kind if not kind or kind in _TYPES else _LICENSE\n',
        "test_calls.py::test_a_type_that_is_not_documented",
    ),
    plant(
        "botocore asks again",
        "calls",
        '"total_max_attempts": 1}',
        '"total_max_attempts": 3}',
        _reading("retries"),
        "test_calls.py::test_one_request_for_one_question",
    ),
    plant(
        "too many calls are a bad request",
        "calls",
        '            *("LimitExceededException", "ProvisionedThroughputExceededException"),\n',
        "",
        "test_calls.py::test_errors",
    ),
    plant(
        "credentials that expired are a bad request",
        "calls",
        '*("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"),',
        '*("ExpiredToken", "InvalidClientTokenId"),',
        "test_calls.py::test_errors",
    ),
    plant(
        "an error of the service is about the image",
        "calls",
        "if known in refusals and status == HTTPStatus.BAD_REQUEST:",
        "if status == HTTPStatus.BAD_REQUEST and refusals:\n            known = min(refusals)",
        "test_calls.py::test_errors",
    ),
    plant(
        "the text of AWS is in the message",
        "calls",
        'f"AWS answered with HTTP {status}"',
        "f\"AWS answered with HTTP {status}: {response['Error']}\"",
        _reading("vendor-text"),
    ),
    plant(
        "the secret is in the message",
        "calls",
        '        message = "the answer is not what the service\'s model describes"\n',
        "        keys = method.__self__._request_signer._credentials\n"
        '        message = f"the answer is not what {keys.secret_key} describes"\n',
        _reading("secret-leak"),
    ),
    plant(
        "the secret is a plain text",
        "settings",
        "secret_access_key: SecretStr | None",
        "secret_access_key: str | None",
        _reading("settings-secret"),
    ),
)
