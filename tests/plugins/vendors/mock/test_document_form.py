"""The testers' document form: what it says, and what is refused."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofing.contracts.images import Side
from proofing.contracts.results import Assurance, Match, Outcome, SelfieCheck
from proofing_mock import standard
from proofing_mock.assureid import Alert, Classification, DocAuthResult, ImageMetrics
from proofing_mock.document_form import MAX_FORM_BYTES, FormError, read_form

FULL = """
document: {first_name: Jane, last_name: Doe, dob: 10/06/1938, address1: 1800 F Street, city: Bayside,
           state: NY, zipcode: '11364', state_id_jurisdiction: ND, state_id_number: S59397998,
           document_type_received: drivers_license}
transaction_status: passed
doc_auth_result: Passed
failed_alerts: [{name: 2D Barcode Read, result: Attention}]
passed_alerts: []
image_metrics:
  back: {HorizontalResolution: 100, VerticalResolution: 600, SharpnessMetric: 100, GlareMetric: 100}
classification_info: {Front: {ClassName: Drivers License, CountryCode: USA, IssuerType: State or Province}}
portrait_match_results: {FaceMatchResult: Fail, FaceErrorMessage: 'Liveness: NotLive'}
passport_check_result: {PassportCheckResult: Fail, NetworkResult: Pass}
http_status: {front: 438}
"""


def read(text):
    """Read a form given as text."""
    return read_form(text.encode())


def test_the_whole_form():
    """Every key means what the documentation says."""
    form = read(FULL)
    assert form.applicant is not None
    known = form.applicant.reveal()
    assert known["first_name"] == "Jane"
    assert known["dob"] == "1938-10-06"
    assert known["zipcode"] == "11364"
    assert known["state_id_expiration"] == "2099-12-31"
    assert form.outcome is Outcome.PASSED
    assert form.doc_auth_result is DocAuthResult.PASSED
    assert form.failed_alerts == (Alert(name="2D Barcode Read", result=DocAuthResult.ATTENTION),)
    assert form.image_metrics == {Side.BACK: ImageMetrics(horizontal_resolution=100)}
    assert form.classification == {
        Side.FRONT: Classification(
            class_name="Drivers License", country_code="USA", issuer_type="State or Province"
        )
    }
    assert form.selfie is SelfieCheck.NOT_LIVE
    assert form.passport_check is Match.MISMATCH
    assert not form.passport_network_failed
    assert form.http_status == {"front": 438}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{}", {}),
        ("{address2: Apt 3}", {"address2": "Apt 3"}),
        ("{first_name: null}", {"first_name": None}),
        ("{dob: 1985-03-07}", {"dob": "1985-03-07"}),
        ("{dob: '1985-03-07'}", {"dob": "1985-03-07"}),
        ("{dob: 1985-03-07 01:02:03}", {"dob": "1985-03-07"}),
        ("{dob: yesterday}", {"dob": "yesterday"}),
        ("{height: 70}", {"height": 70}),
        ("{height: '70'}", {"height": 70}),
        ("{weight: 154, eye_color: haz}", {"weight": 154, "eye_color": "haz"}),
        ("{state_id_number: 123}", {"state_id_number": "123"}),
        ("{zipcode: 11364}", {"zipcode": None}),
        ("{same_address_as_id: true}", {"same_address_as_id": True}),
    ],
)
def test_the_document_block_completes_the_standard_applicant(document, expected):
    """Omitted keys are the standard's, null removes, dates are read, and a ZIP code must be text."""
    form = read(f"document: {document}")
    assert form.applicant == standard.LICENSE.merge(expected)


def test_a_passport_completes_the_standard_passport():
    """It has a machine-readable zone and no address."""
    form = read("document: {document_type_received: passport, first_name: Jane}")
    assert form.applicant == standard.PASSPORT.merge({"first_name": "Jane"})


@pytest.mark.parametrize("text", ["{}", "document:", "transaction_status: failed"])
def test_no_document_block_means_nothing_was_read(text):
    """The images show no data."""
    assert read(text).applicant is None


@pytest.mark.parametrize(
    ("text", "assurance"),
    [
        ("{}", Assurance.AUTHENTICATED),
        ("assurance: null", Assurance.AUTHENTICATED),
        ("assurance: authenticated", Assurance.AUTHENTICATED),
        ("assurance: read", Assurance.READ),
    ],
)
def test_assurance(text, assurance):
    """Authenticated, unless the form says that the document was only read."""
    assert read(text).assurance is assurance


@pytest.mark.parametrize(
    ("portrait", "check"),
    [
        ("{FaceMatchResult: Pass, FaceErrorMessage: 'Successful. Liveness: Live'}", SelfieCheck.MATCH),
        ("{FaceMatchResult: Pass, FaceErrorMessage: 'Liveness: NotLive'}", SelfieCheck.MATCH),
        ("{FaceMatchResult: Fail}", SelfieCheck.NO_MATCH),
        ("{FaceMatchResult: fail, FaceErrorMessage: x}", SelfieCheck.NO_MATCH),
        ("{FaceMatchResult: Fail, FaceErrorMessage: 'Successful. Liveness: Live'}", SelfieCheck.NO_MATCH),
        ("{FaceMatchResult: Fail, FaceErrorMessage: 'Liveness: NotLive'}", SelfieCheck.NOT_LIVE),
        ("{FaceMatchResult: Fail, FaceErrorMessage: 'Liveness: PoorQuality'}", SelfieCheck.BAD_QUALITY),
        ("{}", None),
    ],
)
def test_portraits(portrait, check):
    """Only a failed comparison has a message."""
    assert read(f"portrait_match_results: {portrait}").selfie is check


@pytest.mark.parametrize(
    ("answer", "check"),
    [("Pass", Match.MATCH), ("Fail", Match.MISMATCH), ("null", Match.NOT_CHECKED)],
)
def test_passport_checks(answer, check):
    """The issuer's yes, no, or nothing."""
    assert read(f"passport_check_result: {{PassportCheckResult: {answer}}}").passport_check is check


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just text",
        "- a list",
        "42",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "ftp://example.test/x.yml",
        "{",
        "a: b: c",
        "\tx: 1",
        "shoe_size: 40",
        "document: {shoe_size: 40}",
        "document: []",
        "document: text",
        "document: {first_name: [a]}",
        "document: {first_name: true}",
        "document: {height: tall}",
        "document: {weight: much}",
        "document: {height: true}",
        "document: {same_address_as_id: perhaps}",
        "document: {dob: [1]}",
        "1: 2",
        "document: {1: 2}",
        "transaction_status: maybe",
        "assurance: sure",
        "assurance: [read]",
        "transaction_status: 1",
        "doc_auth_result: passed",
        "doc_auth_result: [Passed]",
        "failed_alerts: {name: x}",
        "passed_alerts: [x]",
        "failed_alerts: [x]",
        "failed_alerts: [{result: Failed}]",
        "failed_alerts: [{name: x, result: Bad}]",
        "failed_alerts: [{name: x, color: red}]",
        "image_metrics: {left: {}}",
        "image_metrics: {back: {Weight: 1}}",
        "image_metrics: {back: {GlareMetric: '1'}}",
        "image_metrics: {back: {GlareMetric: 1.5}}",
        "image_metrics: {1: {}}",
        "classification_info: {Front: {ClassName: 1}}",
        "portrait_match_results: {FaceMatchResult: Perhaps}",
        "portrait_match_results: []",
        "passport_check_result: {PassportCheckResult: 1}",
        "http_status: {front: high}",
        "http_status: {roof: 438}",
        "document: {first_name: a, first_name: b}",
        "document: &x {first_name: a}",
        "document: !!python/object/apply:os.system [id]",
        "document: !!str x",
        "document: {dob: !!timestamp nonsense}",
        "document: {<<: {first_name: a}}",
        "? [a]\n: b",
        "? {a: b}\n: b",
        "document: {dob: 2001-99-99}",
        "[" * 2_000,
        "{a: " * 7 + "1" + "}" * 7,
        BOMB,
        "document: {state_id_number: " + "9" * 5_000 + "}",
        "=",
        "document: {first_name: =}",
        "%YAML 9.9\n---\n{}",
        "a: 1\n---\nb: 2",
    ],
)
def test_what_is_no_form_is_refused_without_a_word(text):
    """Not a plain mapping, or with keys or values that mean nothing; the error says nothing of the text."""
    with pytest.raises(FormError) as caught:
        read(text)
    assert str(caught.value) == ""
    assert caught.value.__cause__ is None


def test_length_and_bytes():
    """Too long a text and one that is not UTF-8 are refused."""
    with pytest.raises(FormError):
        read_form(b"#" * (MAX_FORM_BYTES + 1))
    assert read_form(b"{}" + b" " * (MAX_FORM_BYTES - 2)).applicant is None
    with pytest.raises(FormError):
        read_form(b"document: {first_name: \xff}")
    with pytest.raises(FormError):
        read_form(b"document: {first_name: \x01}")


@given(
    st.text(
        alphabet=st.sampled_from(list("abdocument: {}[],'\"!&*?|>-\n\t#%@`0123456789.<=~é")), max_size=200
    )
)
@settings(max_examples=1_000)
def test_no_text_raises_anything_else(text):
    """Whatever is written, it is a form or a form error."""
    with contextlib.suppress(FormError):
        read(text)


@given(st.binary(max_size=300))
@settings(max_examples=500)
def test_no_bytes_raise_anything_else(content):
    """Nor do bytes."""
    with contextlib.suppress(FormError):
        read_form(content)
