"""Published barcodes with signatures, and the public keys that verify them.

Sources: W3C, "Verifiable Credential Barcodes", draft of 2026-07-15, section "Test Vectors" (Utopia);
stateofca/cadmv-dlid-verifier-sdk, tests/001-main.test.js, which has them from the guide of California's DMV,
"Verifying Digital Signatures on California DL/ID Documents" (cards of its user acceptance tests); its key is
the one of did:web:uat-credentials.dmv.ca.gov.
"""

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from proofing_reader.issuer_keys import IssuerKeys, decode_public_key
from proofing_reader.signed_barcodes import PROFILES, SigningProfile

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)

CALIFORNIA = (
    b"@\n\x1e\rANSI 636014100102DL00410287ZC03280220DLDAQI8887059\nDCSFIVENINE\nDDEU\nDACTOMTEST\nDDFU\nDAD"
    b"NONE\nDDGU\nDCABM1\nDCBL80\nDCDNONE\nDBD08052025\nDBB01011980\nDBA01012030\nDBC1\nDAU070 IN\nDAYBLU\n"
    b"DAG2415 1ST AVE 051\nDAISACRAMENTO\nDAJCA\nDAK958180000  \nDCF08/05/2025298TL/TLFD/30\nDCGUSA\nDAZBLN"
    b"\nDAW200\nDCUIV\nDCK25217I88870590401\nDDAN\nDDB05202024\rZCZCABLU\nZCBBLN\nZCC\nZCD\nZCE2csdghoB2QXA"
    b"pgGCAQIYnYIYdhikGK6jGJwYphjEQRUYxhrmdn0HGLCiGJwYoBioRHX/cGAYtEEUGLalGJwYbBjMARjWGNwY2FhBephqE+tbyDCJM"
    b"7XgRUzmFAY41xQu1cBinSYoLAAx/k6284STfQ0g1arQCtDpTWsqa96BLDbWzvj0R4JIrk/K5AAY2kEW\r"
)
#: As printed, with line feeds where the card has spaces: broken.
CALIFORNIA_WITH_LINE_FEEDS = (
    b"@\n\x1e\rANSI 636014100102DL00410281ZC03220220DLDAQI8889812\nDCSONETWO\nDDEU\nDACEERIETEST\nDDFU\nDAD"
    b"VON\nTWOMN\nDDGU\nDCAC\nDCBNONE\nDCDNONE\nDBD09042025\nDBB12121972\nDBA12122029\nDBC9\nDAU075\nIN\nDA"
    b"YBLU\nDAG2415\n1ST\nAVE\nDAISACRAMENTO\nDAJCA\nDAK958180000  \nDCF09/04/2025796KP/12FD/29\nDCGUSA\nDA"
    b"ZBLN\nDAW159\nDCK25247I88898120401\nDDAN\nDDB05202024\rZCZCABLU\nZCBBLN\nZCC\nZCD\nZCE2csdghoB2QXApgG"
    b"CAQIYnYIYdhikGK6jGJwYphjEQRUYxhrnDr7YGLCiGJwYoBioRHX/cGAYtEEUGLalGJwYbBjMARjWGNwY2FhBemJvZUdnBf+uJ1kK"
    b"58r6AsaiKMDVR7OkfSWCdft/LTd9M0sgpUItYaZClwJUeX5s20C/bZJffuxHkFzcdUXRIXsY2kEW\r"
)
#: The same with its spaces: authentic, and on a list of those that are revoked.
CALIFORNIA_2 = (
    CALIFORNIA_WITH_LINE_FEEDS.replace(b"VON\nTWOMN", b"VON TWOMN")
    .replace(b"075\nIN", b"075 IN")
    .replace(b"2415\n1ST\nAVE", b"2415 1ST AVE")
)
_TESTS_OF_CALIFORNIA = "did:web:uat-credentials.dmv.ca.gov"
CALIFORNIA_IIN = "636014"
#: Their issuer is the one of tests; the encoding is the one of production.
CALIFORNIA_PROFILES = MappingProxyType(
    {CALIFORNIA_IIN: replace(PROFILES[CALIFORNIA_IIN], did=_TESTS_OF_CALIFORNIA)}
)
CALIFORNIA_KEYS = IssuerKeys(
    _TESTS_OF_CALIFORNIA,
    {
        f"{_TESTS_OF_CALIFORNIA}#vm-vcb-1": decode_public_key(
            "zDnaeU77sUhXKYqRy8263bsCq9Np7vy2z8epZ9WJ6YSWD1TVU"
        )
    },
    NOW,
)

UTOPIA_IIN = "000000"
#: In the section on creating, with base64.
UTOPIA = (
    b"@\n\x1e\rANSI 000000090002DL00410234ZZ02750202DLDAQF987654321\nDCSSMITH\nDDEN\nDACJOHN\nDDFN\nDADNONE"
    b"\nDDGN\nDCAC\nDCBNONE\nDCDNONE\nDBD01012024\nDBB04191988\nDBA04192030\nDBC1\nDAU069 IN\nDAYBRO\nDAG12"
    b"3 MAIN ST\nDAIANYVILLE\nDAJUTO\nDAKF87P20000  \nDCFUTODOCDISCRIM\nDCGUTO\nDAW158\nDCK1234567890\nDDAN"
    b"\rZZZZA2csdghhkpgGDGYAAGYABGYACGJ2CGHYYpBi4oxicGKYYzhiyGNAa5ZIggRi6ohicGKAYqER1ggAgGL4YqhjApRicGGwY1g"
    b"QY4BjmGOJYQXq3wuVrSeLM5iGEziaBjhWosXMWRAG107uT/9bSteuPasCXFQKuPdSdF+xmUoFkA0yRJoW4ERvATNyewT263ZHMGOQ"
    b"YrA==\r"
)
#: In the section on verifying, with base64url.
UTOPIA_URL = UTOPIA.replace(b"uT/9", b"uT_9").replace(b"dF+x", b"dF-x")
#: An employment authorization document: the lines of its zone, whose check digits are wrong, and its QR code.
UTOPIA_ZONE = (
    "IAUTO0000007010SRC0000000701<<",
    "8804192M2601058NOT<<<<<<<<<<<5",
    "SMITH<<JOHN<<<<<<<<<<<<<<<<<<<",
)
UTOPIA_CODE = (
    "VC1-R0OR*W3Y33V%K PG88G3A3B60A8G1534KG$-ENXKWQN053653Y53I53 539*K0XJ.TDYOQJ63P63L6337BPMFPCP7EH2R12YH%"
    "%EXU4$08E-D8D86F8E2HX:T8Z8/ 1TZEH.QBA03Q5W.I0N6FBF4E3:SOQU8. A3MSELNHFU0GCVVBP6LU9T%ES-3"
)
_LICENSING, _IMMIGRATION = (
    "zDnaeWjKfs1ob9QcgasjYSPEMkwq31hmvSAWPVAgnrt1e9GKj",
    "zDnaeZSD9XcuULaS8qmgDUa6TMg2QjF9xABnZK42awDH3BEzj",
)


def _key_in_the_did(key: str) -> IssuerKeys:
    """Return the keys of the method did:key, which has the key in the name."""
    return IssuerKeys(f"did:key:{key}", {f"did:key:{key}#{key}": decode_public_key(key)}, NOW)


UTOPIA_KEYS, UTOPIA_ZONE_KEYS = _key_in_the_did(_LICENSING), _key_in_the_did(_IMMIGRATION)
UTOPIA_ZONE_PROFILE = SigningProfile(
    did=UTOPIA_ZONE_KEYS.did, element=None, encoding=PROFILES[UTOPIA_IIN].encoding
)
#: What `reader.issuer_keys` has for Utopia: the document that its name resolves to.
UTOPIA_DOCUMENT = {
    "id": UTOPIA_KEYS.did,
    "verificationMethod": [
        {
            "id": f"{UTOPIA_KEYS.did}#{_LICENSING}",
            "type": "Multikey",
            "controller": UTOPIA_KEYS.did,
            "publicKeyMultibase": _LICENSING,
        }
    ],
    "assertionMethod": [f"{UTOPIA_KEYS.did}#{_LICENSING}"],
}

#: A synthetic list of California's form with bit 5 set, its key and what is signed, as computed by an
#: implementation in JavaScript: self test of a verifier in Swift.
STATUS_LIST_URL = "https://api.uat-credentials.dmv.ca.gov/status/dlid/1/status-lists/revocation/0"
STATUS_LIST = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "id": STATUS_LIST_URL,
    "type": ["VerifiableCredential", "BitstringStatusListCredential"],
    "credentialSubject": {
        "id": f"{STATUS_LIST_URL}#list",
        "type": "BitstringStatusList",
        "encodedList": "uH4sIAAAAAAAAA2NhAAD717UlAgAAAA",
        "statusPurpose": "revocation",
    },
    "issuer": _TESTS_OF_CALIFORNIA,
    "validFrom": "2026-01-01T00:00:00Z",
    "proof": {
        "type": "DataIntegrityProof",
        "created": "2026-01-01T00:00:00Z",
        "verificationMethod": f"{_TESTS_OF_CALIFORNIA}#vm-vcb-1",
        "cryptosuite": "ecdsa-rdfc-2019",
        "proofPurpose": "assertionMethod",
        "proofValue": (
            "z3KqtjbQJZNSkeufgNj2oVRg9k9fZVoP5SroahjSNghZbU9osz8sL2J4beC9gWoNTkjDn6W9FBJRirMnNt4HuXvcw"
        ),
    },
}
STATUS_LIST_SIGNED = (
    "93fa093cba64513885ce626317a174530e4d19527212094b1571d4b8e665a221"
    "32f9e3eb0ef441494d9f35b40deed3703c7730e491db83245714e0a1475100c1"
)
STATUS_LIST_KEYS = IssuerKeys(
    _TESTS_OF_CALIFORNIA,
    {
        f"{_TESTS_OF_CALIFORNIA}#vm-vcb-1": decode_public_key(
            "zDnaeVp3tjD8ipWSt42tBZJLCsDA9SrtYXGvLg5dL3qXtXDKP"
        )
    },
    NOW,
)


def encode_base58(content: bytes) -> str:
    """Return *content* as base58 in Bitcoin's alphabet, for keys and signatures that tests make."""
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(content), ""
    while number:
        number, digit = divmod(number, 58)
        text = alphabet[digit] + text
    return "1" * (len(content) - len(content.lstrip(b"\0"))) + text
