"""Signatures in barcodes: published vectors, ten thousand altered cards, and every way to be unsigned."""

import base64
import gzip
import hashlib
import json
import random
from dataclasses import replace
from datetime import date, datetime, timedelta

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.plugins.vendors.reader import vectors
from tests.plugins.vendors.reader.barcodes import LICENSE, TODAY, barcode, changed

from proofing_reader.aamva import read_barcode
from proofing_reader.canonical_graphs import canonical
from proofing_reader.card import Refused
from proofing_reader.cbor_ld import CBOR_LD_TAG, StatusEntry, decode_credential
from proofing_reader.issuer_keys import IssuerKeys, KeyAge, read_issuer_keys
from proofing_reader.multibase import (
    NotDecodedError,
    decode_base45,
    decode_base58,
    decode_base64,
)
from proofing_reader.signed_barcodes import (
    PROFILES,
    SIGNABLE,
    Altered,
    AlteredReason,
    Authentic,
    IssuerUnknown,
    UnknownReason,
    Unsigned,
    check_signature,
    check_zone_signature,
    signed_data,
)
from proofing_reader.status_lists import Status, StatusList, list_url, read_status_list, status_of
from proofing_reader.status_lists import signed_data as signed_data_of_list

DID = "did:web:credentials.dmv.ca.gov"
METHOD = f"{DID}#vm-vcb-1"
KEY = ec.derive_private_key(0x5EED, ec.SECP256R1())
KEYS = {"636014": IssuerKeys(DID, {METHOD: KEY.public_key()}, vectors.NOW)}


def check_california(payload, *, keys=vectors.CALIFORNIA_KEYS, now=vectors.NOW, statuses=None):
    """Return what the signature of a card of California's tests comes to."""
    return check_signature(
        read_barcode(payload, today=TODAY),
        issuers={vectors.CALIFORNIA_IIN: keys},
        now=now,
        statuses=statuses or {},
        profiles=vectors.CALIFORNIA_PROFILES,
    )


def check_utopia(payload):
    """Return what the signature of Utopia's license comes to."""
    return check_signature(
        read_barcode(payload, today=TODAY),
        issuers={vectors.UTOPIA_IIN: vectors.UTOPIA_KEYS},
        now=vectors.NOW,
    )


@pytest.mark.parametrize("payload", [vectors.CALIFORNIA, vectors.CALIFORNIA_2])
def test_the_vectors_of_california(payload):
    """Thirteen elements are signed; neither the issue date nor the color of the eyes is."""
    found = check_california(payload)
    assert isinstance(found, Authentic)
    assert found.signed_elements == set("DAC DAD DAG DAI DAJ DAK DAQ DAU DBA DBB DBC DCG DCS".split())
    assert found.signs_identity
    assert not {"state_id_issued", "eye_color", "name_suffix"} & found.signed_attributes
    assert found.status is Status.UNKNOWN
    assert not found.keys_are_old


def test_what_is_signed_is_what_other_implementations_sign():
    """Hashes that an implementation in JavaScript computes of the first vector."""
    card = read_barcode(vectors.CALIFORNIA, today=TODAY)
    credential = decode_credential(base64.b64decode(card.issuer_elements["ZCE"]), PROFILES["636014"].encoding)
    signed = "DAC DAD DAG DAI DAJ DAK DAQ DAU DBA DBB DBC DCG DCS".split()
    text = b"".join(name.encode() + card.elements[name] + b"\n" for name in signed)
    assert (
        hashlib.sha256(text).hexdigest() == "88ece8411fbb63e4f45f8e460a6710cf393e1081da7071f84abd32e8fba68495"
    )
    assert signed_data(credential, text).hex() == (
        "15806ce019af44239dabfc6bd43fe9301277e1db8832f571d7f646806ba99fed"
        "abbbb98c352b3775dd421c18f8b620f40b0e680cc8e4e4ee5486b6c3de3e710d"
        "b68333bc7d8bf220fbeb11b0be5a46917ceb0dd4b0d8953057645c2a22b86886"
    )


@pytest.mark.parametrize("payload", [vectors.UTOPIA, vectors.UTOPIA_URL])
def test_the_vectors_of_the_draft(payload):
    """In both alphabets of base64; three elements are signed, and no date of birth."""
    found = check_utopia(payload)
    assert isinstance(found, Authentic)
    assert found.signed_elements == {"DAC", "DAQ", "DCS"}
    assert not found.signs_identity
    assert list_url(found.status_entry) == (
        "https://sandbox.platform.veres.dev/statuses/z19rJ4oGrbFCqf3cNTVDHSbNd/status-lists/revocation/57"
    )


def test_the_zone_of_the_draft():
    """Is signed as it is printed, though its check digits are wrong."""
    arguments = {
        "profile": vectors.UTOPIA_ZONE_PROFILE,
        "keys": vectors.UTOPIA_ZONE_KEYS,
        "now": vectors.NOW,
    }
    found = check_zone_signature(vectors.UTOPIA_ZONE, vectors.UTOPIA_CODE, **arguments)
    assert isinstance(found, Authentic)
    assert found.status is Status.NONE
    for place, line in enumerate(vectors.UTOPIA_ZONE):
        lines = list(vectors.UTOPIA_ZONE)
        lines[place] = line.replace("0", "1", 1).replace("J", "I", 1)
        assert check_zone_signature(tuple(lines), vectors.UTOPIA_CODE, **arguments) == Altered(
            AlteredReason.SIGNATURE
        )
    assert check_zone_signature(vectors.UTOPIA_ZONE, "https://example.org", **arguments) == Unsigned()
    broken = vectors.UTOPIA_CODE[:-1] + "?"
    assert check_zone_signature(vectors.UTOPIA_ZONE, broken, **arguments) == Altered(AlteredReason.MALFORMED)


def test_the_broken_vector_of_california_is_refused():
    """It has line feeds where the card has spaces."""
    with pytest.raises(Refused):
        read_barcode(vectors.CALIFORNIA_WITH_LINE_FEEDS, today=TODAY)


def sign(
    elements=LICENSE,
    *,
    signed=SIGNABLE,
    method=b"\x05",
    issuer=b"\x01",
    status=True,
    key=KEY,
    change=lambda body: body,
    tag=CBOR_LD_TAG,
    registry_id=31_000_000,
    encode=lambda content: base64.b64encode(content).rstrip(b"="),
    **barcode_changes,
):
    """Return a card of California with a signature of our key, made without the code that verifies it."""
    index = sum(1 << (23 - place) for place, name in enumerate(SIGNABLE) if name in signed).to_bytes(3)
    shift = 4 if status else 0
    body = {1: [1, 2], 157: [118, 164]}
    if status:
        body[174] = {156: 166, 196: b"\x02", 198: 2**26 + 9}
    body[176] = {156: 160, 168: b"u" + index}
    body[180] = issuer
    body[182] = {
        156: 108,
        200 + shift: 1,
        210 + shift: 216 + shift,
        212 + shift: b"z" + bytes(64),
        214 + shift: method,
    }
    credential = decode_credential(
        cbor2.dumps(cbor2.CBORTag(CBOR_LD_TAG, [31_000_000, body])), PROFILES["636014"].encoding
    )
    text = "".join(f"{name}{elements.get(name, '')}\n" for name in SIGNABLE if name in signed).encode()
    r, s = decode_dss_signature(key.sign(signed_data(credential, text), ec.ECDSA(hashes.SHA256())))
    body[182][212 + shift] = b"z" + r.to_bytes(32) + s.to_bytes(32)
    content = cbor2.dumps(cbor2.CBORTag(tag, [registry_id, change(body)]))
    own = {"ZC": {"ZCA": "BRO", "ZCE": encode(content)}}
    return barcode(elements, iin="636014", version=10, own=own, **barcode_changes)


def check(payload, *, issuers=KEYS, now=vectors.NOW, statuses=None):
    """Return what the signature of a card comes to."""
    return check_signature(
        read_barcode(payload, today=TODAY), issuers=issuers, now=now, statuses=statuses or {}
    )


def test_a_signed_card():
    """With and without status."""
    found = check(sign())
    assert isinstance(found, Authentic)
    assert found.signed_elements == set(SIGNABLE)
    assert list_url(found.status_entry) == (
        "https://api.credentials.dmv.ca.gov/status/dlid/1/status-lists/revocation/1"
    )
    without = check(sign(status=False))
    assert (without.status, without.status_entry) == (Status.NONE, None)


def test_what_is_not_signed_can_be_anything():
    """And is not among the attributes that are shown as signed."""
    signed = [name for name in SIGNABLE if name not in {"DAY", "DBD"}]
    own = dict(read_barcode(sign(signed=signed), today=TODAY).issuer_elements)
    for elements in (LICENSE, changed(LICENSE, DAY="GRN"), changed(LICENSE, DBD="06072020", DCU="III")):
        found = check(barcode(elements, iin="636014", version=10, own={"ZC": own}))
        assert isinstance(found, Authentic)
        assert not {"eye_color", "state_id_issued", "name_suffix"} & found.signed_attributes
    assert check(
        barcode(changed(LICENSE, DAI="BOSTON"), iin="636014", version=10, own={"ZC": own})
    ) == Altered(AlteredReason.SIGNATURE)


ENCODINGS = {
    "base64 without padding": lambda content: base64.b64encode(content).rstrip(b"="),
    "base64 with padding": base64.b64encode,
    "base64url": lambda content: base64.urlsafe_b64encode(content).rstrip(b"="),
    "multibase base64url": lambda content: b"u" + base64.urlsafe_b64encode(content).rstrip(b"="),
    "multibase base64": lambda content: b"m" + base64.b64encode(content).rstrip(b"="),
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_both_alphabets(encode):
    """With or without the prefix of multibase."""
    assert isinstance(check(sign(encode=encode)), Authentic)


def without_key(body, key):
    """Return *body* without one of its keys."""
    return {name: value for name, value in body.items() if name != key}


SHAPES = {
    "another context": lambda body: body | {1: [1]},
    "contexts in another order": lambda body: body | {1: [2, 1]},
    "another type": lambda body: body | {157: [118, 102]},
    "one type": lambda body: body | {157: [164]},
    "no subject": lambda body: without_key(body, 176),
    "the subject of a zone": lambda body: body | {176: {156: 162}},
    "a subject with more": lambda body: body | {176: body[176] | {140: "x"}},
    "an index of two bytes": lambda body: body | {176: {156: 160, 168: b"u\xff\xff"}},
    "an index of another base": lambda body: body | {176: {156: 160, 168: b"z\xff\xff\xfc"}},
    "an index with the last bits": lambda body: body | {176: {156: 160, 168: b"u\xff\xff\xff"}},
    "an index of nothing": lambda body: body | {176: {156: 160, 168: b"u\x00\x00\x00"}},
    "a status of another type": lambda body: body | {174: body[174] | {156: 106}},
    "a status with a negative number": lambda body: body | {174: body[174] | {198: -1}},
    "a status with a number that is too large": lambda body: body | {174: body[174] | {198: 2**32}},
    "a status with true for a number": lambda body: body | {174: body[174] | {198: True}},
    "a status at a URL in text": lambda body: body | {174: body[174] | {196: "https://example.org"}},
    "no status, though the proof counts it": lambda body: without_key(body, 174),
    "no proof": lambda body: without_key(body, 182),
    "a proof of another type": lambda body: body | {182: body[182] | {156: 110}},
    "another suite": lambda body: body | {182: body[182] | {204: 2}},
    "another purpose": lambda body: body | {182: body[182] | {214: 222}},
    "a proof with a time": lambda body: body | {182: body[182] | {202: "2026-01-01T00:00:00Z"}},
    "a short signature": lambda body: body | {182: body[182] | {216: body[182][216][:-1]}},
    "a signature of another base": lambda body: body | {182: body[182] | {216: b"u" + body[182][216][1:]}},
    "an issuer that the registry does not have": lambda body: body | {180: b"\x63"},
    "an issuer in text": lambda body: body | {180: DID},
    "a list for a key": lambda body: body | {(1, 2): 1},
    "lists in lists": lambda body: body | {1: [[[[1]]]]},
    "a credential with more": lambda body: body | {192: "2026-01-01T00:00:00Z"},
}


@pytest.mark.parametrize("change", SHAPES.values(), ids=SHAPES)
def test_another_shape_is_altered(change):
    """Exactly one is known."""
    assert check(sign(change=change)) == Altered(AlteredReason.MALFORMED)


def test_a_second_spelling_is_altered():
    """Duplicate keys, longer numbers, bytes behind the end: whatever a decoder would pass over."""

    def altered(old, new):
        def encode(content):
            assert old in content
            return base64.b64encode(content.replace(old, new, 1)).rstrip(b"=")

        return check(sign(encode=encode))

    expected = Altered(AlteredReason.MALFORMED)
    assert altered(b"\xa6\x01\x82\x01\x02", b"\xa7\x01\x82\x01\x02\x01\x82\x01\x02") == expected
    assert altered(b"\xa6\x01\x82\x01\x02", b"\xa6\x01\x82\x18\x01\x02") == expected
    assert altered(b"\xa6\x01\x82\x01\x02", b"\xa6\x01\x9f\x01\x02\xff") == expected
    # A simple value of CBOR that equals the number of a term, as one of ten thousand altered cards had it.
    assert altered(b"\x18\xae\xa3", b"\xf8\xae\xa3") == expected
    trailing = check(sign(encode=lambda content: base64.b64encode(content + b"\0").rstrip(b"=")))
    assert trailing == expected
    long = check(sign(encode=lambda content: base64.b64encode(content + bytes(300)).rstrip(b"=")))
    assert long == expected


@pytest.mark.parametrize("tag", [1280, 1281, 1536, 1636, 1791, 51998])
def test_other_versions_of_the_encoding_are_not_known(tag):
    """Nothing is said about them."""
    assert check(sign(tag=tag)) == IssuerUnknown(UnknownReason.FORMAT)


def test_another_registry_entry_is_not_known():
    """The issuer may have a new one."""
    assert check(sign(registry_id=31_000_001)) == IssuerUnknown(UnknownReason.FORMAT)
    assert check(sign(encode=lambda _content: b"AAAA")) == IssuerUnknown(UnknownReason.FORMAT)


@pytest.mark.parametrize(
    "text", [b"2csd!", b"2csdghoB2", b"2csd-/==", b"2csd=", "2csdÄ".encode(), b"2csd AAA"]
)
def test_what_is_no_base64_is_altered(text):
    """Strictly: `base64.b64decode` would drop what it does not know."""
    assert check(sign(encode=lambda _content: text)) == Altered(AlteredReason.MALFORMED)


def test_an_element_that_is_signed_and_missing():
    """An ID card has none of driving."""
    elements = changed(LICENSE, DCA=None, DCB=None, DCD=None)
    driving = {"DCA", "DCB", "DCD"}
    assert check(sign(elements, kind="ID")) == Altered(AlteredReason.ELEMENT_MISSING)
    fine = check(sign(elements, kind="ID", signed=[name for name in SIGNABLE if name not in driving]))
    assert isinstance(fine, Authentic)


def test_keys():
    """Another key, another name, another issuer, none, or too old: never authentic."""
    other = ec.derive_private_key(0xBAD, ec.SECP256R1())
    assert check(sign(key=other)) == Altered(AlteredReason.SIGNATURE)
    assert check(sign(method=b"\x06")) == IssuerUnknown(UnknownReason.KEY)
    assert check(sign(issuer=b"\x14")) == IssuerUnknown(UnknownReason.OTHER_ISSUER)
    assert check(sign(method=b"\x16")) == IssuerUnknown(UnknownReason.OTHER_ISSUER)
    assert check(sign(), issuers={}) == IssuerUnknown(UnknownReason.NO_KEYS)
    foreign = {"636014": replace(KEYS["636014"], did="did:web:example.org")}
    assert check(sign(), issuers=foreign) == IssuerUnknown(UnknownReason.NO_KEYS)


def test_cards_of_californias_tests_are_of_another_issuer():
    """Though they are signed, and with the same encoding."""
    card = read_barcode(vectors.CALIFORNIA, today=TODAY)
    found = check_signature(card, issuers=KEYS, now=vectors.NOW)
    assert found == IssuerUnknown(UnknownReason.OTHER_ISSUER)


def test_the_age_of_keys():
    """An alarm after thirty days; after 180 nothing is verified."""
    keys = KEYS["636014"]
    for days, expected in (
        (0, KeyAge.FRESH),
        (30, KeyAge.FRESH),
        (31, KeyAge.OLD),
        (180, KeyAge.OLD),
        (181, KeyAge.EXPIRED),
        (-2, KeyAge.EXPIRED),
    ):
        assert keys.age(vectors.NOW + timedelta(days=days)) is expected
    assert check(sign(), now=vectors.NOW + timedelta(days=31)).keys_are_old
    expired = check(sign(), now=vectors.NOW + timedelta(days=181))
    assert expired == IssuerUnknown(UnknownReason.KEYS_EXPIRED)


def test_cards_without_a_signature():
    """Of California since its first signed cards, before, and of other states."""
    new = changed(LICENSE, DBD="10022025", DBA="10022030")

    def unsigned(elements, iin="636014", own=None):
        return check(barcode(elements, iin=iin, version=10, own=own))

    assert unsigned(LICENSE) == Unsigned()
    assert unsigned(new) == Unsigned(is_expected=True)
    assert unsigned(new, own={"ZC": {"ZCE": "  "}}) == Unsigned(is_expected=True)
    assert unsigned(new, iin="636001", own={"ZN": {"ZNB": "c2lnbmF0dXJl"}}) == Unsigned()
    assert unsigned(new, iin="636000", own={"ZV": {"ZCE": "2csd"}}) == Unsigned()


def test_a_signature_in_the_place_of_another_state():
    """Belongs to the issuer of the card alone."""
    own = dict(read_barcode(sign(), today=TODAY).issuer_elements)
    assert check(barcode(LICENSE, iin="636000", version=10, own={"ZC": own})) == Unsigned()


def altered_cards(count, seed=20261130):
    """Yield *count* cards that differ from signed ones in what is signed, or in the signature."""
    rng = random.Random(seed)  # noqa: S311 - reproducible
    signed = "DAC DAD DAG DAI DAJ DAK DAQ DAU DBA DBB DBC DCG DCS".split()
    originals = [vectors.CALIFORNIA, vectors.CALIFORNIA_2]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 +/-_="
    for _ in range(count):
        payload = bytearray(rng.choice(originals))
        credential = payload.index(b"\nZCE") + 4
        match rng.randrange(6):
            case 0 | 1:
                # A character of a value that is signed.
                name = rng.choice(signed).encode()
                start = payload.index(b"\n" + name if name != b"DAQ" else b"DLDAQ", 41 - 2) + (
                    4 if name != b"DAQ" else 5
                )
                end = payload.index(b"\n", start)
                place = rng.randrange(start, end)
                payload[place] = ord(rng.choice([one for one in alphabet if ord(one) != payload[place]]))
            case 2:
                # A character of the credential.
                place = rng.randrange(credential, len(payload) - 1)
                payload[place] = ord(rng.choice([one for one in alphabet if ord(one) != payload[place]]))
            case 3:
                # A bit of the credential.
                content = bytearray(base64.b64decode(payload[credential:-1]))
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
                payload[credential:-1] = base64.b64encode(content)
            case 4:
                # The credential of another card.
                other = originals[0] if bytes(payload) == originals[1] else originals[1]
                payload[credential:] = other[other.index(b"\nZCE") + 4 :]
            case _:
                # Two values for each other.
                first, second = rng.sample(["DAC", "DCS", "DAI", "DAJ"], 2)
                for old, new in ((first, b"QQQ"), (second, first.encode()), ("QQQ", second.encode())):
                    payload = bytearray(bytes(payload).replace(b"\n" + old.encode(), b"\n" + new, 1))
        yield bytes(payload)


def accepted(payloads):
    """Return how many of *payloads* are authentic, and how many are altered or refused."""
    found = {"authentic": 0, "refused": 0, "altered": 0, "unknown": 0}
    for payload in payloads:
        try:
            result = check_california(payload)
        except Refused:
            found["refused"] += 1
            continue
        kind = {Authentic: "authentic", Altered: "altered"}.get(type(result), "unknown")
        found[kind] += 1
    return found


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.security)])
def test_altered_cards_are_not_accepted(count, claim):
    """A character or bit of what is signed or of the signature, or parts of two cards."""
    found = accepted(altered_cards(count))
    assert found["authentic"] == 0, found
    assert found["altered"] > count / 2
    claim("S23", "Altered cards with a signature that are authentic", f"0 of {count:,}")


def test_status_lists():
    """One bit a card, the leftmost first; what could not be fetched is unknown."""
    url = "https://api.credentials.dmv.ca.gov/status/dlid/1/status-lists/revocation/1"
    for bits, expected in (
        (b"\x00\x40", Status.REVOKED),
        (b"\xff\xbf", Status.VALID),
        (b"\xff", Status.UNKNOWN),
    ):
        found = check(sign(), statuses={url: StatusList(url, bits)})
        assert found.status is expected
    assert check(sign(), statuses={url + "0": StatusList(url, b"\xff\xff")}).status is Status.UNKNOWN


def read_list(document, keys=vectors.STATUS_LIST_KEYS, url=vectors.STATUS_LIST_URL, now=vectors.NOW):
    """Return the list in *document*."""
    return read_status_list(json.dumps(document).encode(), url=url, keys=keys, now=now)


def test_the_vector_of_a_status_list():
    """Signed and computed by another implementation."""
    assert signed_data_of_list(vectors.STATUS_LIST).hex() == vectors.STATUS_LIST_SIGNED
    assert read_list(vectors.STATUS_LIST).bits == b"\x04\x00"


def edited(**changes):
    """Return the vector with *changes* of its keys, those of the subject and the proof with a prefix."""
    document = json.loads(json.dumps(vectors.STATUS_LIST))
    for name, value in changes.items():
        where, _, key = name.rpartition("__")
        target = document[where] if where else document
        if value is None:
            del target[key]
        else:
            target[key] = value
    return document


BROKEN_LISTS = {
    "another list": edited(credentialSubject__encodedList="uH4sIAAAAAAAAA2tgBAAiul0NAgAAAA"),
    "another purpose": edited(credentialSubject__statusPurpose="suspension"),
    "another issuer": edited(issuer="did:web:example.org"),
    "another id": edited(id="https://example.org"),
    "another type": edited(type=["VerifiableCredential"]),
    "another suite": edited(proof__cryptosuite="ecdsa-xi-2023"),
    "another method": edited(proof__verificationMethod="did:web:example.org#key"),
    "a key that is not known": edited(
        proof__verificationMethod="did:web:uat-credentials.dmv.ca.gov#vm-vcb-2"
    ),
    "another signature": edited(proof__proofValue="z" + vectors.encode_base58(b"\1" * 64)),
    "a short signature": edited(proof__proofValue="z11"),
    "no signature": edited(proof__proofValue=None),
    "no proof": edited(proof=None),
    "a time that is no time": edited(validFrom="tomorrow"),
    "a time without a zone": edited(validFrom="2026-01-01T00:00:00"),
    "not yet valid": edited(validFrom="2027-01-01T00:00:00Z"),
    "no longer valid": edited(validUntil="2026-02-01T00:00:00Z"),
    "a key that is not known here": edited(credentialSchema="x"),
    "a line feed in a name": edited(credentialSubject__id="https://example.org/\n"),
    "a time to live in text": edited(credentialSubject__ttl="x"),
}


@pytest.mark.parametrize("document", BROKEN_LISTS.values(), ids=BROKEN_LISTS)
def test_another_status_list_is_refused(document):
    """Then the status stays unknown."""
    with pytest.raises(ValueError, match=r"\w"):
        read_list(document)


def test_a_status_list_and_its_surroundings():
    """Keys that are too old, another address, no JSON."""
    with pytest.raises(ValueError, match="too old"):
        read_list(vectors.STATUS_LIST, now=vectors.NOW + timedelta(days=200))
    with pytest.raises(ValueError, match="another one"):
        read_list(vectors.STATUS_LIST, url=vectors.STATUS_LIST_URL[:-1] + "1")
    with pytest.raises(ValueError, match="JSON"):
        read_status_list(b"{", url="", keys=vectors.STATUS_LIST_KEYS, now=vectors.NOW)


MULTIKEY = "zDnaeU77sUhXKYqRy8263bsCq9Np7vy2z8epZ9WJ6YSWD1TVU"


def key_file(**changes):
    """Return a file of keys as the how-to page makes it."""
    method = {"id": METHOD, "type": "Multikey", "controller": DID, "publicKeyMultibase": MULTIKEY}
    document = {"id": DID, "verificationMethod": [method], "assertionMethod": [METHOD]}
    whole = {"fetched": "2026-11-30T00:00:00Z", "document": document}
    for name, value in changes.items():
        target = whole if name in whole else document if name in document else method
        target[name] = value
    return json.dumps(whole).encode()


def test_a_file_of_keys():
    """Has when it was fetched, and the document of the issuer."""
    keys = read_issuer_keys(key_file())
    assert (keys.did, list(keys.keys), keys.fetched) == (
        DID,
        [METHOD],
        datetime.fromisoformat("2026-11-30T00:00:00Z"),
    )


WRONG_FILES = {
    "no JSON": (b"{", "JSON"),
    "a list": (b"[]", "fetched"),
    "the document alone": (json.dumps({"id": DID}).encode(), "fetched"),
    "a day": (key_file(fetched="30.11.2026"), "time such as"),
    "no zone": (key_file(fetched="2026-11-30T00:00:00"), "zone"),
    "a number for a time": (key_file(fetched=7), "time such as"),
    "no document": (key_file(document="x"), "DID document"),
    "a key of another": (key_file(controller="did:web:example.org"), "no P-256 key"),
    "a key that is not for assertions": (key_file(assertionMethod=[]), "no P-256 key"),
    "no list of keys": (key_file(verificationMethod={}), "no P-256 key"),
    "another form of key": (key_file(type="JsonWebKey2020"), "no P-256 key"),
    "another curve": (
        key_file(
            publicKeyMultibase="z82Lkytz3HqpWiBmt2853ZgNgNG8qVoUJnyoMvGw6ZEBktGcwUVdKpUNJHct1wvp9pXjr7Y"
        ),
        "no P-256 key",
    ),
    "a point that is not on the curve": (
        key_file(publicKeyMultibase="z" + vectors.encode_base58(b"\x80\x24\x02" + b"\xff" * 32)),
        "no P-256 key",
    ),
    "two keys of one name": (
        key_file(
            verificationMethod=[
                {"id": METHOD, "type": "Multikey", "controller": DID, "publicKeyMultibase": MULTIKEY}
            ]
            * 2
        ),
        "two keys",
    ),
    "too large": (b" " * 300_000, "256 KiB"),
}


@pytest.mark.parametrize(("content", "words"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_wrong_file_of_keys_is_refused(content, words):
    """With a sentence that says what to do."""
    with pytest.raises(ValueError, match=words):
        read_issuer_keys(content)


def test_no_key_is_shipped():
    """What an issuer signs with is fetched by the operator."""
    assert not hasattr(PROFILES["636014"], "keys")
    assert PROFILES.keys() == {"636014", vectors.UTOPIA_IIN}
    assert PROFILES["636014"].signs_since == date(2025, 10, 1)
    # The name of Utopia's example is its key, and that alone verifies nothing.
    card = read_barcode(vectors.UTOPIA, today=TODAY)
    assert check_signature(card, issuers={}, now=vectors.NOW) == IssuerUnknown(UnknownReason.NO_KEYS)


def test_bases():
    """Of RFC 9285 and of Bitcoin; other spellings are refused."""
    assert decode_base45("QED8WEX0") == b"ietf!"
    assert decode_base45("") == b""
    for text in ("A", "GGW", ":::", "é00"):
        with pytest.raises(NotDecodedError):
            decode_base45(text)
    for content in (b"", b"\0", b"\0\0\1", b"hello", bytes(64)):
        assert decode_base58(vectors.encode_base58(content)) == content
    for text in ("0", "O", "l" * 3, "1" * 200):
        with pytest.raises(NotDecodedError):
            decode_base58(text)
    assert decode_base64("AA") == decode_base64("AA==") == b"\0"
    for text in ("AB", "AA=", "A", "AA===", "A A=", "A-/A"):
        with pytest.raises(NotDecodedError):
            decode_base64(text)


def signed_list(encoded, **changes):
    """Return a list with *encoded* bits that our key signs, as a fetched document."""
    document = edited(
        issuer=DID,
        proof__verificationMethod=METHOD,
        proof__created=None,
        credentialSubject__encodedList=encoded,
        **changes,
    )
    r, s = decode_dss_signature(KEY.sign(signed_data_of_list(document), ec.ECDSA(hashes.SHA256())))
    document["proof"]["proofValue"] = "z" + vectors.encode_base58(r.to_bytes(32) + s.to_bytes(32))
    return document


def packed(content):
    """Return *content* as a list has it."""
    return "u" + base64.urlsafe_b64encode(gzip.compress(content)).rstrip(b"=").decode()


def test_a_list_of_full_length():
    """Of 2^26 cards, without the time of its proof and with a time to live."""
    bits = bytearray(2**23)
    bits[-1] = 1
    document = signed_list(packed(bytes(bits)), credentialSubject__ttl=300_000)
    found = read_list(document, keys=KEYS["636014"])
    assert len(found.bits) == 2**23
    last = StatusEntry(base_url=vectors.STATUS_LIST_URL.rpartition("/revocation")[0], index=2**26 - 1)
    assert status_of(last, {found.url: found}) is Status.REVOKED
    assert status_of(replace(last, index=2**26 - 2), {found.url: found}) is Status.VALID


WRONG_BITS = {
    "another base": packed(b"\0")[1:],
    "nothing": "u",
    "no base64": "u!!",
    "no gzip": "uAAAA",
    "longer than a list": packed(bytes(2**23 + 1)),
    "cut": packed(bytes(1000))[:-8],
    "more behind the end": "u" + base64.urlsafe_b64encode(gzip.compress(b"\0") + b"\0\0\0").decode(),
}


@pytest.mark.parametrize("encoded", WRONG_BITS.values(), ids=WRONG_BITS)
def test_wrong_bits_of_a_signed_list_are_refused(encoded):
    """Though the issuer signed them; a list that unpacks to more than a list stops there."""
    with pytest.raises(ValueError, match="list"):
        read_list(signed_list(encoded), keys=KEYS["636014"])


def test_a_graph_that_needs_more_than_first_degrees_is_refused():
    """Two blank nodes of which the same is said."""
    same = [("_:a", "<p>", '"x"'), ("_:b", "<p>", '"x"')]
    with pytest.raises(ValueError, match="hard part"):
        canonical(same)


def test_an_element_that_is_no_ascii_is_altered():
    """Whatever follows."""
    assert check(sign(encode=lambda _content: b"2csd\xff")) == Altered(AlteredReason.MALFORMED)
