"""`proofing vendor try`: a vendor asked by hand, and nothing of the person on the screen."""

import json

import pytest

from proofing.cli import main
from proofing.cli.vendor import _describe_call
from proofing.contracts.bodies import Base64, StreamedBody
from proofing.contracts.http import VendorResponse
from proofing.outbound.transport import ObservedCall
from proofing.testing.canary import Canary
from proofing.testing.images import make_jpeg

CANARY = Canary(seed=80)
APPLICANT = {name: value for name, value in CANARY.applicant.reveal().items() if name != "uuid_prefix"}


@pytest.fixture
def trying(tmp_path, monkeypatch, capsys):
    """Return a function that tries a vendor with an applicant, and returns code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROOFING_ENV", "test")
    settings = {"default": {"plugins": ["huey", "local", "mock"], "log_directory": None}}
    (tmp_path / "settings.yaml").write_text(json.dumps(settings))

    def run(values, *arguments):
        (tmp_path / "applicant.yaml").write_text(json.dumps(values))
        code = main(["vendor", "try", *arguments, "--applicant", "applicant.yaml"])
        return code, *capsys.readouterr()

    run.folder = tmp_path
    return run


def test_an_answer(trying):
    """Its outcome and what the vendor says of each attribute, and no value of them."""
    code, output, errors = trying(APPLICANT, "mock", "--kind", "resolution")
    assert (code, errors) == (0, "")
    assert "outcome          passed" in output
    assert "ssn match" in output
    assert CANARY.find_leaks(output) == []


def test_an_answer_for_programs(trying):
    """As JSON: a no is an answer too, an error is none."""
    code, output, _errors = trying(
        {**APPLICANT, "first_name": "Bad"}, "mock", "--kind", "resolution", "--json"
    )
    found = json.loads(output)
    assert (code, found["outcome"], found["reasons"]) == (0, "failed", ["first_name_mismatch"])
    code, output, _errors = trying(
        {**APPLICANT, "first_name": "Time"}, "mock", "--kind", "resolution", "--json"
    )
    found = json.loads(output)
    assert (code, found["outcome"], found["cause"]) == (1, "no answer", "timeout")


def test_a_document(trying):
    """What was read is named, not shown."""
    for side in ("front", "back"):
        (trying.folder / f"{side}.jpg").write_bytes(make_jpeg(comment=side.encode()))
    values = {"images": {"front": "front.jpg", "back": "back.jpg"}}
    code, output, _errors = trying(values, "mock", "--kind", "document", "--json")
    found = json.loads(output)
    assert (code, found["outcome"], found["document_type"]) == (0, "passed", "drivers_license")
    assert "dob" in found["read"]
    assert found["evidence"] == ["drivers_license:strong:scan"]
    assert "vouched_vendor:drivers_license" in found["lacks"]
    assert found["inspection"]["barcode"] == "match"


def test_what_an_answer_is_worth(trying):
    """Its evidence, whether the operator vouches for the vendor, and what it supports by itself; no value."""
    code, output, _errors = trying(APPLICANT, "mock", "--kind", "resolution", "--json")
    found = json.loads(output)
    assert (code, found["vouched_for"]) == (0, False)
    assert (found["evidence"], found["alone"]) == ([], "supports no level")
    settings = {"default": {"plugins": ["huey", "local", "mock"], "assurance_vendors": ["mock"]}}
    (trying.folder / "settings.yaml").write_text(json.dumps(settings))
    worth = {
        "resolution": ("death:clear", "evidence"),
        "state_id": ("government_identifier:authoritative", "death_check"),
        "phone": ("phone_account:fair:account", "verification:phone_account"),
    }
    for kind, (code_of_evidence, lacks) in worth.items():
        code, output, _errors = trying(APPLICANT, "mock", "--kind", kind, "--json")
        found = json.loads(output)
        assert (code, found["vouched_for"]) == (0, True)
        assert code_of_evidence in found["evidence"]
        assert lacks in found["lacks"]
        assert CANARY.find_leaks(output) == []
    code, output, _errors = trying({"mrz": "P<USA"}, "mock", "--kind", "passport", "--json")
    assert "name:authoritative" in json.loads(output)["evidence"]
    device = {"circumstances": {"device_session_id": "pass"}}
    code, output, _errors = trying(device, "mock", "--kind", "device", "--json")
    assert (code, "evidence" in json.loads(output)) == (0, False)


def test_a_vendor_that_answers_later(trying):
    """What would come next."""
    code, output, _errors = trying(APPLICANT, "mock:polling", "--kind", "phone", "--json")
    found = json.loads(output)
    assert (code, found["outcome"], found["continues"]) == (0, "pending", "again")


def test_a_messenger(trying):
    """Takes a message to the number of the file, by either channel; a refusal is an answer."""
    for channel in ("text", "voice"):
        code, output, errors = trying(
            APPLICANT, "mock", "--kind", "messenger", "--channel", channel, "--json"
        )
        found = json.loads(output)
        assert (code, errors) == (0, "")
        assert (found["kind"], found["outcome"]) == ("messenger", "passed")
        assert found["transaction_id"]
        assert CANARY.find_leaks(output) == []


def test_a_messenger_needs_a_number(trying):
    """And one of the channels that it has."""
    code, _output, errors = trying({"first_name": "Ada"}, "mock", "--kind", "messenger")
    assert code == 78
    assert "applicant.yaml: phone: is missing: the message is sent to this number" in errors


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"frst_name": "Ada"}, "applicant.yaml: frst_name: is no attribute of an applicant"),
        ({"ssn": 900123456}, "applicant.yaml: ssn: must be a text: put it in quotes"),
        ({"ssn": "12"}, "applicant.yaml: ssn: does not have the form of one"),
        ({"height": "66"}, "applicant.yaml: height: must be a whole number"),
        ({"images": {"left": "x.jpg"}}, "applicant.yaml: images.left: No such file"),
        ({"images": {"front": "x.jpg"}}, "applicant.yaml: images.front: No such file"),
        ({"circumstances": {"weather": "fine"}}, "applicant.yaml: circumstances.weather: must be one of"),
    ],
)
def test_a_wrong_file_is_refused(trying, values, says):
    """Naming the key, and never its value."""
    code, _output, errors = trying(values, "mock", "--kind", "resolution")
    assert code == 78
    assert says in errors
    assert "900123456" not in errors


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody"], "no enabled plugin offers it"),
        (["mock"], "add --kind device or document or messenger or passport"),
    ],
)
def test_a_wrong_name_is_refused(trying, arguments, says):
    """With what there is."""
    code, _output, errors = trying(APPLICANT, *arguments)
    assert code == 78
    assert says in errors


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (StreamedBody.json({"person": APPLICANT, "image": Base64(b"x" * 90)}), "application/json"),
        (f"<r><n>{APPLICANT['first_name']}</n></r>".encode(), "application/soap+xml"),
        (f"ssn={APPLICANT['ssn']}".encode(), "application/x-www-form-urlencoded"),
        (APPLICANT["ssn"].encode(), "text/plain"),
        (b'{"broken": "' + APPLICANT["ssn"].encode(), "application/json"),
    ],
)
def test_a_call_shows_names_and_no_values(content, content_type):
    """Of the request and of the answer, whatever their form; parts of a path that may be a number too."""
    body = content if isinstance(content, bytes) else b"".join(content)
    call = ObservedCall(
        method="POST",
        host="vendor.example",
        path=f"/v2/PhoneNumbers/+1{APPLICANT['phone']}",
        headers={"authorization": f"Bearer {APPLICANT['ssn']}", "content-type": content_type},
        content=content,
        response=VendorResponse(200, {"content-type": content_type}, body, "acme"),
        seconds=0.5,
    )
    shown = json.dumps(_describe_call(call))
    assert CANARY.find_leaks(shown) == []
    assert "/v2/PhoneNumbers/<" in shown
    assert '"authorization"' in shown
