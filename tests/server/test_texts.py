"""The catalog: complete, without leftovers, with plurals and durations."""

import re
from pathlib import Path

import pytest
import yaml

import proofing_server
from proofing.base.errors import ConfigurationError
from proofing.contracts.applicant import STATES
from proofing.contracts.records import JobKind
from proofing.rules.document_errors import ErrorCode
from proofing.sessions.steps import PARTS, STEPS
from proofing_server.plurals import categories
from proofing_server.screens import screen_for  # noqa: F401 - its names are looked up below
from proofing_server.site import ERROR_CODES
from proofing_server.texts import choose_language, fits, load_texts

FOLDER = Path(proofing_server.__file__).parent
SOURCES = [
    *FOLDER.rglob("*.py"),
    *FOLDER.glob("templates/*.html"),
    *FOLDER.glob("static/*.js"),
]
#: Codes of `ImageError`, of uploads, and of the field checks.
FIELD_CODES = (
    "missing empty not_an_image heic file_gone same_photo too_large truncated too_many_pixels "
    "upload_missing expired decrypt_error"
).split()
#: Parts of the catalog that are looked up by a name made elsewhere.
BY_NAME = (
    "steps.",
    "fields.",
    "sides.",
    "errors.",
    "wait.",
    "problems.",
    "limits.",
    "http.",
    "document_codes.",
)


@pytest.mark.parametrize("code", [*[code.value for code in ErrorCode], *FIELD_CODES])
def test_every_document_code_has_a_sentence(code):
    """Whatever the rules and the image check may say, the person reads a sentence."""
    assert load_texts()(f"document_codes.{code}").endswith(".")


def test_every_key_in_the_templates_exists():
    """No template asks for a text that is not there."""
    texts = load_texts()
    for path in FOLDER.glob("templates/*.html"):
        for key in re.findall(r't(?:\.count|\.branch|\.has)?\("([a-z_.0-9]+)"[,)]', path.read_text()):
            assert texts.has(key), (path.name, key)


def test_every_status_and_step_has_its_text():
    """Names that are put together at run time are complete."""
    texts = load_texts()
    for name in (*ERROR_CODES.values(), "technical"):
        assert texts(f"http.{name}.title")
        assert texts(f"http.{name}.body")
    for name in PARTS:
        assert texts(f"steps.{name}")


def test_no_text_is_left_over():
    """Every text is named somewhere, at least by its last part where the name is put together."""
    by_step = [
        f"{step.key}_{end} {step.part}"
        for step in STEPS
        for end in ("failed", "review", "technical", "unavailable")
    ]
    source = "\n".join([*(path.read_text() for path in SOURCES), *by_step, *JobKind, *PARTS])
    codes = {code.value for code in ErrorCode} | set(FIELD_CODES)
    for key in load_texts().keys():  # noqa: SIM118 - our method, not a dict's
        if key.startswith("without_photos."):
            continue  # Looked up by the keys of what it replaces, as a test below checks.
        parts = key.split(".")
        named = key in source or any(".".join(parts[:cut]) + '"' in source for cut in range(1, len(parts)))
        by_name = key.startswith(BY_NAME) and (
            parts[1].removesuffix("_missing").removesuffix("_format") in source or parts[1] in codes
        )
        assert named or by_name, key


def test_every_state_has_its_name():
    """The form offers exactly the states that the check takes, by name."""
    states = load_texts().states()
    assert {code for code, _ in states} == STATES
    assert [name for _, name in states] == sorted({name for _, name in states})


def test_durations():
    """Time left in words, rounded up."""
    texts = load_texts()
    assert texts.duration(0.2) == "1 minute"
    assert texts.duration(61) == "2 minutes"
    assert texts.duration(3600) == "1 hour"
    assert texts.duration(6 * 3600) == "6 hours"
    assert texts.duration(3600 * 5 + 60 * 12) == "5 hours and 12 minutes"


def test_counts_dates_and_values():
    """Plural forms; dates in words; a value is never read as a template."""
    texts = load_texts()
    assert texts.count("attempts_left", 1) == "You have 1 attempt left."
    assert texts.count("attempts_left", 4) == "You have 4 attempts left."
    assert texts.date("1938-10-06") == "October 6, 1938"
    assert texts("site.for_partner", partner="{count}") == "for {count}"


def test_unknown_keys_are_errors():
    """A misspelled key does not pass silently."""
    texts = load_texts()
    for key in ("nothing", "site.name.deeper", "site"):
        with pytest.raises(KeyError):
            texts(key)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("tlh, es;q=0.5", "es"),
        ("tlh", "en"),
        (";;,,", "en"),
        ("es-MX", "es"),
        ("en;q=0.2, es;q=0.1, zh-TW;q=0.9", "zh"),
        ("es;q=0, zh;q=x", "en"),
        ("es ; q=0.3, zh; q=0.3", "es"),
        ("tlh;level=1, zh;level=1", "zh"),
        ("ZH-hans-cn", "zh"),
    ],
)
def test_language(header, language):
    """The language that the browser wants most, of those available; else the first of these."""
    assert choose_language(header, ("en", "es", "zh")) == language


def test_the_first_available_language_is_the_usual_one():
    """That of a policy, for who wants none of them."""
    assert choose_language("en", ("es", "zh")) == "es"


def differences(own, english, forms, key=""):
    """Return the keys at which a catalog lacks a text, has one too many, or wants other values."""
    if isinstance(english, dict) and isinstance(own, dict) and "other" not in english:
        names = sorted({*own, *english})
        return [
            found
            for name in names
            for found in (
                differences(own[name], english[name], forms, f"{key}.{name}")
                if name in own and name in english
                else [f"{key}.{name}"]
            )
        ]
    return [] if fits(own, english, forms) else [key]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("texts/*.yaml")), ids=lambda path: path.stem)
def test_every_catalog_has_the_texts_of_english(path):
    """No text is missing, left over, or wants values that nobody gives."""
    own, english = (
        yaml.safe_load(file.read_text(encoding="utf-8")) for file in (path, FOLDER / "texts/en.yaml")
    )
    found = differences(own, english, categories(path.stem))
    assert not found, f"texts/{path.name}: add or correct " + ", ".join(key[1:] for key in found)


@pytest.fixture
def second_language(tmp_path):
    """Return a function that makes a folder with English and the given text of another language's file."""

    def make(text):
        folder = tmp_path / "texts"
        folder.mkdir()
        (folder / "en.yaml").write_text((FOLDER / "texts/en.yaml").read_text())
        (folder / "es.yaml").write_text(text)
        return folder

    return make


ES = """
site: {name: Control de identidad, for_partner: "para {agencia}", leave: [a]}
attempts_left: {one: "Le queda un intento."}
duration: {minutes: {one: "{count} minuto", other: "{count} minutos"}}
errors: no
ssn: {title: "Un {", spoken: "empieza con {first} y termina con {last}"}
welcome: {need: {list: []}}
"""


def test_what_a_language_lacks_is_english(second_language):
    """Missing, of another shape, with other values, or broken: key by key."""
    es, en = load_texts("es", second_language(ES)), load_texts()
    assert es.language == "es"
    assert es("site.name") == "Control de identidad"
    assert es("site.for_partner", partner="x") == "for x"
    assert es("site.leave") == en("site.leave")
    assert es.count("attempts_left", 1) == "You have 1 attempt left."
    assert es.count("duration.minutes", 1) == "1 minuto"
    assert es.count("duration.minutes", 2) == "2 minutos"
    assert es("errors.title") == en("errors.title")
    assert es("ssn.title") == en("ssn.title")
    assert es("ssn.spoken", first=1, last=2) == "empieza con 1 y termina con 2"
    assert es.branch("welcome.need.list") == en.branch("welcome.need.list")
    assert list(es.keys()) == list(en.keys())
    assert differences(yaml.safe_load(ES), {"site": {"name": "x"}}, {"one", "other"}) == [
        ".attempts_left",
        ".duration",
        ".errors",
        ".site.for_partner",
        ".site.leave",
        ".ssn",
        ".welcome",
    ]


@pytest.mark.parametrize("text", ["[", "- a", "just text", "site: {}\nsite: {}", "", "# later"])
def test_a_catalog_that_cannot_be_read_is_an_error(second_language, text):
    """The server loads all of them when it starts. An empty one is not a language."""
    folder = second_language(text)
    with pytest.raises(ConfigurationError, match=r"es\.yaml"):
        load_texts("es", folder)


async def test_every_page_works_in_a_language_with_one_text(second_language, start):
    """The pages of the start and the error page; the rest looks its texts up in the same way."""
    folder = second_language(
        "site: {name: Control de identidad}\nlanguage: {name: Español, tag: es, direction: ltr}"
    )
    async with start(texts_folder=folder) as site:
        browser = site.browser()
        browser.http.headers["accept-language"] = "es-MX,es;q=0.9"
        for path, status in (("/", 200), ("/consent", 200), ("/nowhere", 404)):
            await browser.get(path)
            assert browser.page.status_code == status
            assert browser.page.headers["content-language"] == "es"
            assert "Control de identidad" in browser.page.text
        await browser.get("/consent")
        await browser.post("/consent", consent="yes")
        assert browser.path == "/document"


@pytest.mark.parametrize("kind", JobKind)
def test_every_kind_of_job_has_a_waiting_page(kind):
    """The keys are put together from the kind, so that no search for texts in use finds them."""
    assert all(load_texts().has(f"wait.{kind.value}.{name}") for name in ("title", "lead", "again"))


def test_who_adds_no_photos_is_told_of_none():
    """Pages of a person who shows the document elsewhere: only photos of themselves, and those of vendors."""
    texts = load_texts().without_photos
    of_photos = "document. handoff. document_codes. sides. selfie. capture_script. consent. welcome.".split()
    files = {"missing_image", "image_failed_before", *FIELD_CODES}
    own_codes = [f"document_codes.{code.value}" for code in ErrorCode if code.value not in files]
    others = [key for key in texts.keys() if not key.startswith((*of_photos, "errors.", "http."))]  # noqa: SIM118
    for key in ("document.already", *own_codes, *others):
        # Where photos are taken elsewhere, there are none to keep.
        if key.startswith(("without_photos.", "problems.alone.")):
            continue
        text = str(texts.branch(key)).lower().replace("photo of yourself", "").replace("printed photo", "")
        assert "photo" not in text or key in {
            "problems.also.selfie",
            "problems.document_selfie_mismatch.body",
            "problems.document_selfie_mismatch.advice",
            "problems.document_selfie.advice",
        }, key


def test_texts_without_photos_replace_those_of_the_same_keys():
    """A key without a counterpart would be looked up by nobody; the values wanted are the same."""
    texts = load_texts()
    for key in texts.keys():  # noqa: SIM118
        if key.startswith("without_photos."):
            replaced = texts.branch(key.removeprefix("without_photos."))
            own = texts.branch(key)
            assert isinstance(own, list) is isinstance(replaced, list), key
            assert isinstance(own, list) or fits(own, replaced, {"one", "other"}), key
    assert texts.without_photos("problems.document_failed.title") == "We couldn’t accept your ID"
    assert texts.without_photos("problems.phone_failed.title") == texts("problems.phone_failed.title")
