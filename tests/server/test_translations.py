"""What the catalogs owe their readers: every text, by the rules of its language, as long as it may be."""

import re
from pathlib import Path

import pytest
import yaml
from babel import Locale
from babel.dates import format_date
from babel.lists import format_list

from proofing.contracts.applicant import DocumentType, parse_iso_date
from proofing_server.plurals import categories, category
from proofing_server.texts import DEFAULT_LANGUAGE, FOLDER, languages, load_texts

TRANSLATED = [language for language in languages() if language != DEFAULT_LANGUAGE]
#: Whole numbers that pages count; above a million the rules of some languages differ.
COUNTS = [*range(1200), 9_999, 10_000, 999_999]
#: Keys whose text may be that of English: formats, and words that two languages share.
SAME_AS_ENGLISH = {
    "es": {
        "document.lead.mobile_license",
        "errors.prefix",
        "errors.title_prefix",
        "site.label",
        "site.labeled",
        "site.sentence",
    },
    "fr": {"code.message.pause", "fields.code", "site.sentence", "duration.minutes"},
    "zh": set(),
}
FORMATS = {
    "code.message.pause",
    "date.first_day",
    "lists.separator",
    "language.direction",
    "welcome.need.documents",
}
#: English words that are no words of Spanish or French.
ENGLISH = re.compile(
    r"\b(?:the|you|your|we|our|is|are|this|that|with|please|try|again|check|enter|number)\b",
    re.IGNORECASE,
)
HAN = re.compile(r"[\u4e00-\u9fff]")
#: 3GPP TS 23.038, the basic character set; the extension counts twice, and no text has any of it.
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)


def raw(language):
    """Return the catalog as its file has it, without English in the gaps."""
    return yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))


def leaves(node, key=""):
    """Yield the dotted key and the text of everything below *node*."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value, key)
    else:
        yield key, node


def all_texts(language):
    """Return key and text of everything that is read, without the names of states."""
    return [
        (key, text) for key, text in leaves(raw(language)) if not key.startswith(("states.", "language."))
    ]


@pytest.mark.parametrize("language", TRANSLATED)
def test_nothing_is_left_in_english(language):
    """A text may be that of English only where it is listed."""
    english = {}
    for key, text in all_texts(DEFAULT_LANGUAGE):
        english.setdefault(key, set()).add(text)
    allowed = SAME_AS_ENGLISH[language] | FORMATS
    same = [
        key
        for key, text in all_texts(language)
        if text in english.get(key, ()) and not {key, key.rpartition(".")[0]} & allowed
    ]
    assert not same, f"texts/{language}.yaml: translate " + ", ".join(same)


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_words_are_of_the_language(language):
    """Chinese has Chinese characters in every text; the others have no English words."""
    for key, text in all_texts(language):
        if key in FORMATS | {"site.labeled", "site.label", "site.sentence", "duration.both"}:
            continue
        if language == "zh":
            assert HAN.search(text) or not re.search(r"[^\W\d_]{2}", re.sub(r"\{\w+\}", "", text)), key
        else:
            assert not ENGLISH.search(re.sub(r"\{\w+\}", "", text)), (key, text)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_value_is_used(language):
    """What English says of a person, a time or a number, the others say, too."""
    own, english = dict(all_texts(language)), dict(all_texts(DEFAULT_LANGUAGE))
    for key, text in own.items():
        wanted = set(re.findall(r"\{(\w+)\}", english.get(key, text)))
        assert set(re.findall(r"\{(\w+)\}", text)) == wanted, key


@pytest.mark.parametrize("language", languages())
def test_plural_rules_are_those_of_cldr(language):
    """For every number that a page may count; and each category has its form."""
    rule = Locale.parse(load_texts(language).tag, sep="-").plural_form
    found = {rule(count) for count in COUNTS}
    assert found == categories(language)
    assert [category(language, count) for count in COUNTS] == [rule(count) for count in COUNTS]


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("iso", [f"19{38 + month}-{month:02}-{month * 2:02}" for month in range(1, 13)])
def test_dates_are_those_of_cldr(language, iso):
    """The long format of the language; every month has its name."""
    locale = Locale.parse(load_texts(language).tag, sep="-")
    assert load_texts(language).date(iso) == format_date(parse_iso_date(iso), "long", locale)


def test_the_first_of_a_month():
    """French has an ordinal for it, which CLDR has not; the others have none."""
    assert load_texts("fr").date("1938-10-01") == "1er octobre 1938"
    assert load_texts("es").date("1938-10-01") == "1 de octubre de 1938"
    assert load_texts("zh").date("1938-10-01") == "1938年10月1日"


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_lists_are_those_of_cldr(language, count):
    """The kinds of ID that a person may use, with *or* before the last one; and companies, with *and*."""
    texts, types = load_texts(language), list(DocumentType)[:count]
    names = [texts.branch("documents.types")[one.value] for one in DocumentType if one in types]
    locale = Locale.parse(texts.tag, sep="-")
    assert texts.documents(types) == format_list(names, "or", locale)
    assert texts.all_of(names) == format_list(names, "standard", locale)


def test_durations():
    """Hours and minutes with their plural forms."""
    words = {language: load_texts(language).duration(3660 + 59) for language in TRANSLATED}
    assert words == {"es": "1 hora y 2 minutos", "fr": "1 heure et 2 minutes", "zh": "1 小时 2 分钟"}
    assert load_texts("fr").count("attempts_left", 0) == "Il vous reste 0 tentative."
    assert load_texts("es").count("attempts_left", 0) == "Le quedan 0 intentos."
    assert load_texts("zh").count("attempts_left", 1) == "您还可以尝试 1 次。"


def test_french_punctuation():
    """No sign is alone on a line: the spaces before and within are ones that do not break."""
    text = (FOLDER / "fr.yaml").read_text(encoding="utf-8")
    for key, sentence in all_texts("fr"):
        assert not re.search(r"[^\s\u00a0\u202f?!][?!;]|[^\S\u202f][?!;]", sentence), (key, sentence)
        assert not re.search(r"[^\s\u00a0]:(?!//)|[^\S\u00a0]:", sentence), (key, sentence)
        assert not re.search(r"«[^\u00a0]|[^\u00a0]»|[^\u00a0]%|'", sentence) or key == "code.message.text", (
            key
        )
    assert not re.search(r"\b(?:tu|toi|ton|tes)\b", text, re.IGNORECASE)


def test_spanish_punctuation():
    """Questions begin with their sign, and nobody is called by the first name."""
    for key, sentence in all_texts("es"):
        assert sentence.count("?") == sentence.count("¿"), key
        assert sentence.count("!") == sentence.count("¡"), key
        assert not re.search(r"\b(?:tú|tu|tus|ti|contigo|vos)\b", sentence, re.IGNORECASE), (key, sentence)


def test_chinese_punctuation():
    """Signs of full width after Chinese, and the polite form."""
    for key, sentence in all_texts("zh"):
        assert not re.search(r"[\u4e00-\u9fff][,.:;?!()]", sentence), (key, sentence)
        assert "你" not in sentence, key


@pytest.mark.parametrize("language", [language for language in languages() if language != "zh"])
def test_text_messages_fit_one_message(language):
    """With names of usual length, in the alphabet of which 160 letters are one message."""
    texts = load_texts(language)
    valid = texts.count("duration.minutes", 10)
    text = texts("code.message.text", code="123456", partner="Department of Examples", time=valid)
    message = f"{text}\n\n@verify.example.gov #123456"
    assert set(message) <= GSM, set(message) - GSM
    assert len(message) <= 160


def test_a_chinese_text_message_is_two_parts():
    """UCS-2: 70 characters are one message, each of several has 67."""
    texts = load_texts("zh")
    valid = texts.count("duration.minutes", 10)
    text = texts("code.message.text", code="123456", partner="Department of Examples", time=valid)
    assert len(f"{text}\n\n@verify.example.gov #123456") <= 2 * 67


def test_keywords_of_carriers_stay():
    """STOP and START are what a carrier acts on, in any language."""
    for language in languages():
        texts = load_texts(language)
        assert "STOP" in texts("problems.code_opted_out.body")
        assert "START" in texts.branch("problems.code_opted_out.advice")[0]


@pytest.mark.parametrize("language", languages())
def test_buttons_that_a_text_names_have_that_name(language):
    """The texts say: select this button."""
    texts = load_texts(language)
    named = re.search(r"[“«]\s?(.+?)[.,]?\s?[”»]", texts("wait.away.back"))
    assert named
    assert named[1].rstrip(".").strip() == texts("wait.check")
    for way in ("visit", "wallet"):
        assert texts("site.continue") in texts.branch(f"document.{way}.steps")[0]


def test_languages_of_the_docs():
    """The page for operators names them."""
    page = (Path(__file__).resolve().parents[2] / "docs/howto/languages.md").read_text()
    for language in languages():
        assert f"`{language}`" in page


def link_message(language):
    """Return the text message with the link of a hand-off, with names of usual length."""
    texts = load_texts(language)
    url = f"https://verify.example.gov/handoff/{'x' * 43}"
    valid = texts.count("duration.minutes", 10)
    return texts("handoff.text.message", partner="Department of Examples", time=valid, url=url)


@pytest.mark.parametrize("language", languages())
def test_a_message_with_a_link_fits_two_parts(language):
    """GSM: each of several has 153 letters; Chinese takes three parts of 67, with the address alone 77."""
    message = link_message(language)
    assert message.endswith("x")
    if language == "zh":
        assert len(message) <= 3 * 67
    else:
        assert set(message) <= GSM, set(message) - GSM
        assert len(message) <= 2 * 153
