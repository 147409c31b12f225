"""The settings: what is refused, what is printed, and which product lacks what."""

import pytest
from pydantic import ValidationError
from tests.plugins.vendors.lexisnexis.conftest import SECTION, descriptor_of, section

import proofing_lexisnexis
from proofing.base.errors import ConfigurationError
from proofing.testing.vendor_fakes import make_process
from proofing_lexisnexis.settings import LexisNexisSettings

#: Product to the key that it cannot do without, and the section that may be missing as a whole.
NEEDED = {
    "instant_verify": ("identity", "instant_verify_workflow"),
    "phone_finder": ("identity", "phone_finder_workflow"),
    "phone_finder_v3": ("identity", "phone_finder_workflow"),
    "true_id": ("true_id", "noliveness_cropping_workflow"),
    "true_id_selfie": ("true_id", "liveness_cropping_workflow"),
    "instant_verify_ddp": ("ddp", "instant_verify_policy"),
    "phone_finder_ddp": ("ddp", "phone_finder_policy"),
    "threat_metrix": ("ddp", "threat_metrix_policy"),
    "true_id_ddp": ("ddp", "true_id_noliveness_policy"),
    "true_id_ddp_selfie": ("ddp", "true_id_liveness_policy"),
}


def test_every_product_is_named_here():
    """So that no new one is forgotten."""
    names = {one.name.partition(":")[2] for one in proofing_lexisnexis.proofing_proofers()}
    assert names == NEEDED.keys()


@pytest.mark.parametrize(
    "base_url", ["https://a.example/", "https://a.example/x", "http://a.example", "a.example"]
)
@pytest.mark.parametrize("name", ["rdp", "ddp"])
def test_an_address_is_scheme_and_host(name, base_url):
    """A path would be lost, a slash would be signed, and data does not leave the machine in clear."""
    with pytest.raises(ValidationError, match="base_url"):
        LexisNexisSettings.model_validate(section(**{name: {"base_url": base_url}}))


@pytest.mark.parametrize("name", ["identity", "true_id"])
@pytest.mark.parametrize(
    ("enabled", "key"),
    [(True, "hmac"), (False, "basic")],
)
def test_each_account_has_the_credentials_that_are_in_use(name, enabled, key):
    """Those of the other way may be missing."""
    values = section(rdp={"hmac_auth_enabled": enabled}, **{name: {key: None}})
    with pytest.raises(ValidationError, match=key):
        LexisNexisSettings.model_validate(values)
    LexisNexisSettings.model_validate(section(rdp={"hmac_auth_enabled": not enabled}, **{name: {key: None}}))


def test_an_account_needs_its_platform():
    """The address is not known otherwise."""
    with pytest.raises(ValidationError, match="needs the section rdp"):
        LexisNexisSettings.model_validate({"true_id": SECTION["true_id"]})


@pytest.mark.parametrize(("product", "where"), NEEDED.items())
def test_a_product_says_what_it_lacks(product, where):
    """Without its section or its key, when it is made and not before; the others work."""
    name, key = where
    make = descriptor_of(product).make
    for values, said in (
        (section(**{name: {key: None}}), f"lexisnexis.{name}.{key}: lexisnexis:{product} needs it"),
        ({}, f"lexisnexis.{name}: lexisnexis:{product} needs it"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            make(LexisNexisSettings.model_validate(values), make_process())
    assert make(LexisNexisSettings.model_validate(SECTION), make_process())


def test_a_product_without_its_section_calls_nobody():
    """Its descriptor can be read, as every command does."""
    empty = LexisNexisSettings()
    for one in proofing_lexisnexis.proofing_proofers():
        assert one.hosts(empty) == frozenset()
        assert one.timeout_seconds(empty) > 0
        assert one.page(empty) is None


def test_nothing_that_identifies_us_is_printed():
    """Accounts, organization, policies and credentials; workflows and addresses are."""
    settings = LexisNexisSettings.model_validate(SECTION)
    printed = f"{settings!r} {settings}"
    for word in ("acct1", "acct2", "org-of-ours", "policy-", "demo-"):
        assert word not in printed
    for word in ("iv.workflow", "rdp.example.test", "testing"):
        assert word in printed


def test_the_time_limits_are_each_product_s_own():
    """And none is longer than a job by default."""
    settings = LexisNexisSettings.model_validate(
        section(identity={"phone_finder_timeout_seconds": 2.5}, ddp={"threat_metrix_timeout_seconds": 3.5})
    )
    seconds = {one.name: one.timeout_seconds(settings) for one in proofing_lexisnexis.proofing_proofers()}
    assert seconds == {
        "lexisnexis:instant_verify": 1.0,
        "lexisnexis:instant_verify_ddp": 1.0,
        "lexisnexis:phone_finder": 2.5,
        "lexisnexis:phone_finder_v3": 2.5,
        "lexisnexis:phone_finder_ddp": 1.0,
        "lexisnexis:threat_metrix": 3.5,
        "lexisnexis:true_id": 50.0,
        "lexisnexis:true_id_selfie": 50.0,
        "lexisnexis:true_id_ddp": 50.0,
        "lexisnexis:true_id_ddp_selfie": 50.0,
    }
