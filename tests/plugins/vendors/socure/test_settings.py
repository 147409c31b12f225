"""The section ``socure``: what is refused when settings are read."""

import pytest

from proofing_socure import SocureSettings

SECTION = {"base_url": "https://sandbox.socure.us", "api_key": "MARIGOLD-key-of-the-account"}


def test_kyc_needs_address_and_key_alone():
    """Everything else has a default, or belongs to another product."""
    settings = SocureSettings(**SECTION)
    assert settings.webhook_secret is None
    assert "MARIGOLD" not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"base_url": "https://sandbox.socure.us/"}, "base_url"),
        ({"base_url": "http://sandbox.socure.us"}, "base_url"),
        ({"api_key": ""}, "api_key"),
        ({"docv_request_url": "https://service.socure.com"}, "docv_request_url"),
        ({"docv_request_url": "http://service.socure.com/api/5.0/documents/request"}, "docv_request_url"),
        ({"docv_capture_domains": ["https://socure.com"]}, "docv_capture_domains"),
        ({"docv_capture_domains": [""]}, "docv_capture_domains"),
        ({"kyc_auto_fail_codes": ["907"]}, "kyc_auto_fail_codes"),
        ({"phone_risk_auto_fail_codes": "R601"}, "phone_risk_auto_fail_codes"),
        ({"phone_risk_score_below": 1.5}, "phone_risk_score_below"),
        ({"docv_selfie": True}, "docv_selfie_use_case_key"),
        ({"docv_selfie": True, "docv_selfie_use_case_key": "flow"}, "docv_selfie_pass_codes"),
        ({"webhook_secret": "short"}, "webhook_secret"),
        ({"webhook_secret": "secret of four words"}, "no spaces"),
        ({"webhook_previous_secrets": ["secret of four words"]}, "no spaces"),
        ({"webhook_secret": " " * 16}, "no spaces"),
    ],
)
def test_what_is_refused(changes, named):
    """The message names the key or the rule, and no value."""
    with pytest.raises(ValueError, match=named) as caught:
        SocureSettings(**{**SECTION, **changes})
    assert "four words" not in str(caught.value)


def test_a_stand_in_on_this_machine():
    """May be reached without TLS."""
    section = {**SECTION, "base_url": "http://127.0.0.1:8901"}
    assert SocureSettings(**section, docv_request_url="http://localhost:8901/api/5.0/documents/request")
