"""Settings: layers, strictness, and problems that name everything but the value."""

import json
from pathlib import Path

import pytest
import yaml

from proofing.base.errors import ConfigurationError
from proofing.base.hosts import HOST_RULE
from proofing.base.strict_yaml import parse_yaml
from proofing.cli.inspection import reference
from proofing.settings import Settings, parse_settings, read_layers, validate_settings

KEY = "ab" * 32
SECRETS = {"session_encryption_key": KEY, "hmac_fingerprinter_key": KEY}
CANARY = "canary-9f2c"


def write(tmp_path: Path, text: str) -> Path:
    """Write *text* as settings.yaml and return its path."""
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return path


def load(path: Path, environ: dict[str, str] | None = None) -> Settings:
    """Read *path* with the secrets that every start needs."""
    layers = read_layers(path, environ or {})
    layers.add(SECRETS, "secret store")
    return parse_settings(layers, Settings)


def problems_of(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    """Return the problems that *path* is refused for."""
    with pytest.raises(ConfigurationError) as caught:
        load(path, environ)
    return [str(problem) for problem in caught.value.problems]


def test_layers_follow_each_other(tmp_path):
    """Environment block over default, variable over block, secret store over all."""
    path = write(tmp_path, "default:\n  idv_min_age_years: 18\n  partner_name: a\ntest:\n  partner_name: b\n")
    assert load(path).partner_name == "a"
    assert load(path, {"PROOFING_ENV": "test"}).partner_name == "b"
    environ = {"PROOFING_ENV": "test", "PROOFING_PARTNER_NAME": "c", "PROOFING_IDV_MIN_AGE_YEARS": "21"}
    settings = load(path, environ)
    assert (settings.partner_name, settings.idv_min_age_years) == ("c", 21)


def test_maps_merge_and_lists_are_replaced(tmp_path):
    """A later layer changes one key of a map, and all of a list."""
    text = "default:\n  worker_slots: {document: 1, resolution: 2, phone: 3}\n  plugins: [a, b]\n"
    path = write(tmp_path, text + "test:\n  worker_slots: {phone: 9}\n  plugins: [c]\n")
    settings = load(path, {"PROOFING_ENV": "test", "PROOFING_WORKER_SLOTS__DOCUMENT": "5"})
    assert settings.worker_slots == {"document": 5, "resolution": 2, "phone": 9, "code": 100}
    assert settings.plugins == ("c",)


@pytest.mark.parametrize("name", ["ruby_workers_idv_enabled", "doc_auth_enable_presigned_s3_urls"])
@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("false", False), ("'true'", True), ("'false'", False)]
)
def test_switches_take_booleans_and_their_two_quoted_spellings(tmp_path, name, text, value):
    """True and false mean what they say, quoted or not."""
    assert getattr(load(write(tmp_path, f"default:\n  {name}: {text}\n")), name) is value


@pytest.mark.parametrize(
    "text", ["'yes'", "'False'", "'TRUE'", "1", "0", "'on'", "''", "[true]", "null", "'1'"]
)
def test_switches_refuse_every_other_spelling(tmp_path, text):
    """What lenient parsers take for true stops the start, with the key named."""
    (problem,) = problems_of(write(tmp_path, f"default:\n  ruby_workers_idv_enabled: {text}\n"))
    assert "settings.yaml (default): ruby_workers_idv_enabled: must be true or false" in problem


INVALID = [
    f"default: {{quue: {CANARY}}}",
    f"default: {{queue: [{CANARY}]}}",
    f"default: {{idv_min_age_years: {CANARY}}}",
    "default: {idv_min_age_years: 0}",
    "default: {idv_min_age_years: 1.5}",
    "default: {async_wait_timeout_seconds: -1}",
    "default: {async_wait_timeout_seconds: 40}",
    "default: {async_stale_job_timeout_seconds: 30}",
    "default: {job_deadline_seconds: 61}",
    "default: {upload_url_valid_seconds: 999999}",
    "default: {result_ttl_seconds: 901}",
    f"default: {{session_encryption_previous_keys: [{CANARY}]}}",
    "default: {session_encryption_previous_keys: ['" + "ab" * 31 + "']}",
    "default: {worker_slots: {documents: 1}}",
    "default: {worker_slots: {document: 1, resolution: 1, phone: 0}}",
    f"default: {{worker_slots: {{document: 1, resolution: 1, phone: 1, {CANARY}: 1}}}}",
    f"default: {{vendor_status: {{mock: {CANARY}}}}}",
    "default: {resolution_vendor_percentages: {a: 60, b: 60}}",
    "default: {resolution_vendor_percentages: {a: 101}}",
    f"default: {{partner_name: '@format {CANARY}'}}",
    f"default: {{phone_vendors: {CANARY}}}",
    "default: {phone_vendors: []}",
    f"default: {{queue: huey, queue: {CANARY}}}",
    f"{CANARY.upper()}: {{}}",
    "queue: {}",
    "default: {async_wait_timeout_seconds: .inf}",
    f"default: {CANARY}",
    f"- {CANARY}",
    f"default: [unclosed {CANARY}",
    "default: {1: 2}",
    "default: !!python/object/apply:os.system ['true']",
    f"default: {{plugins: {{a: {CANARY}}}}}",
]


@pytest.mark.parametrize("text", INVALID)
def test_what_is_wrong_is_refused_without_its_value(tmp_path, text):
    """Each malformed file is refused, and no message shows the values (names of keys excepted)."""
    problems = problems_of(write(tmp_path, text + "\n"))
    assert problems
    shown = "\n".join(problems)
    keyed = f"{CANARY}:" in text and "worker_slots" not in text
    assert CANARY not in shown or keyed


def test_all_problems_are_reported_at_once(tmp_path):
    """Three mistakes give three problems, each with file, block and key."""
    path = write(tmp_path, "default:\n  quue: huey\n  idv_min_age_years: no\ntest:\n  partner_name: 7\n")
    problems = problems_of(path, {"PROOFING_ENV": "test"})
    assert len(problems) == 3
    assert any("quue: unknown key; did you mean queue?" in problem for problem in problems)
    assert any(problem.startswith("settings.yaml (test): partner_name") for problem in problems)


def test_rules_between_keys_name_their_key_each(tmp_path):
    """Not the first broken rule alone, and none without the key to look for."""
    values = "job_deadline_seconds: 100, upload_url_valid_seconds: 999999, outbound_max_connections: 1"
    output = problems_of(write(tmp_path, f"default: {{{values}}}\n"))
    assert [line.partition(": must")[0] for line in output] == [
        "settings.yaml (default): job_deadline_seconds",
        "settings.yaml (default): upload_url_valid_seconds",
        "settings.yaml (default): outbound_max_connections",
    ]


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://proofing.example.gov", True),
        ("http://localhost:8000", True),
        ("http://[::1]:8000", True),
        ("proofing.example.gov", False),
        ("https://proofing.example.gov/", False),
        ("https://user@proofing.example.gov", False),
        ("https://proofing .example.gov", False),
        ("https://proofing.example.gov:99999", False),
    ],
)
def test_the_public_url_is_an_origin(tmp_path, url, fine):
    """What browsers never send as their origin would have every form refused."""
    path = write(tmp_path, f"default: {{public_url: '{url}'}}\n")
    if fine:
        assert load(path).public_url == url
    else:
        assert ": public_url: must be an origin" in problems_of(path)[0]


@pytest.mark.parametrize(
    ("values", "output"),
    [
        ("public_url: https://proofing.example.gov.", "public_url: the host name must not end with a dot"),
        ("partner_name: ' '", "partner_name: must not be empty; leave the key out for its default"),
        ("phone_vendors: [mock, acme:phone, mock]", "phone_vendors: must name each vendor once"),
        (
            "worker_slots: {documents: 1}",
            "worker_slots: must name kinds of jobs only: document, resolution, phone, code",
        ),
    ],
)
def test_a_slip_of_the_pen_is_told_with_what_to_write(tmp_path, values, output):
    """Each would start, and be found by the people who are proofed."""
    assert problems_of(write(tmp_path, f"default: {{{values}}}\n")) == [f"settings.yaml (default): {output}"]


@pytest.mark.parametrize(
    ("link", "fine"),
    [
        ("/", True),
        ("/goodbye?from=proofing", True),
        ("https://www.agency.example/after#top", True),
        ("http://localhost:9000", True),
        ("www.agency.example", False),
        ("javascript:alert(1)", False),
        ("//agency.example", False),
        ("/\\agency.example", False),
        ("https://", False),
        ("https:///path", False),
        ("https://agency.example/a b", False),
        ("", False),
    ],
)
def test_the_partner_url_leads_somewhere(tmp_path, link, fine):
    """A host without its scheme would be a link to our page that does not exist."""
    path = write(tmp_path, f"default: {{partner_url: {json.dumps(link)}}}\n")
    if fine:
        assert load(path).partner_url == link
    else:
        (output,) = problems_of(path)
        assert output.endswith(": partner_url: must be a path that begins with one / or an http or https URL")


@pytest.mark.parametrize("link", ["status.agency.example", "/status", "javascript:alert(1)", ""])
def test_the_status_url_is_a_site(tmp_path, link):
    """When our pages are unavailable, none of our paths will do; without a link there is none."""
    (output,) = problems_of(write(tmp_path, f"default: {{status_url: '{link}'}}\n"))
    assert output.endswith(": status_url: must be an http or https URL")
    path = write(tmp_path, "default: {status_url: 'https://status.agency.example/'}\n")
    assert load(path).status_url == "https://status.agency.example/"
    assert load(write(tmp_path, "default: {}\n")).status_url is None


@pytest.mark.parametrize("names", ["[Montana, ND]", "[MT, nd]", "['']", "[XX]"])
def test_jurisdictions_are_codes_of_states(tmp_path, names):
    """A name that no document bears would switch the licensing agency's check off, unsaid."""
    (output,) = problems_of(write(tmp_path, f"default: {{state_id_jurisdictions: {names}}}\n"))
    assert output.endswith(": state_id_jurisdictions: must be two-letter codes such as MT")
    path = write(tmp_path, "default: {state_id_jurisdictions: [MT, ND, PR]}\n")
    assert load(path).state_id_jurisdictions == ("MT", "ND", "PR")


def test_a_wrong_word_is_reported_with_the_right_ones(tmp_path):
    """Nobody has to look up what a vendor's status may be."""
    (output,) = problems_of(write(tmp_path, f"default: {{vendor_status: {{mock: {CANARY}}}}}\n"))
    assert output.endswith(": vendor_status.mock: must be 'operational', 'partial_outage' or 'full_outage'")


def test_slots_fit_into_the_connections(tmp_path):
    """A job that waits for a connection inside the client lets its deadline run."""
    (output,) = problems_of(write(tmp_path, "default: {outbound_max_connections: 299}\n"))
    assert "outbound_max_connections: must be at least the sum of worker_slots" in output


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("default:\n  partner_name: 2026-13-45\n", "line 2"),
        ("default: {partner_name: !!int 'x'}\n", "line 1"),
        ("default: {partner_name: &a [*a]}\n", "file"),
        ("default: " + "[" * 5000 + "\n", "file"),
    ],
)
def test_yaml_that_python_cannot_hold_is_reported(tmp_path, text, where):
    """A date that does not exist, a map that holds itself: one line with its place, and no traceback."""
    (output,) = problems_of(write(tmp_path, text))
    assert output.startswith(f"settings.yaml: {where}: ")
    assert "2026-13" not in output


def test_variables_that_clash_are_reported(tmp_path):
    """One sets a value, and another nests under it."""
    with pytest.raises(ConfigurationError, match="PROOFING_QUEUE__X: conflicts with queue"):
        read_layers(write(tmp_path, "default: {}\n"), {"PROOFING_QUEUE": CANARY, "PROOFING_QUEUE__X": CANARY})


@pytest.mark.parametrize("name", ["PROOFING___X", "PROOFING_REDIS__", "PROOFING_", "PROOFING_A____B"])
def test_a_variable_without_the_name_of_a_setting_is_refused(tmp_path, name):
    """By its own name."""
    with pytest.raises(ConfigurationError, match=f"{name}: is not the name of a setting"):
        read_layers(write(tmp_path, "default: {}\n"), {name: CANARY})


def test_a_variable_that_is_not_text_is_refused(tmp_path):
    """Bytes that are not UTF-8 would fail on every page that shows them."""
    with pytest.raises(ConfigurationError, match="PROOFING_PARTNER_NAME: is not UTF-8 text"):
        read_layers(write(tmp_path, "default: {}\n"), {"PROOFING_PARTNER_NAME": "\udcff\udcfeX"})


def test_a_tab_is_named(tmp_path):
    """The most common mistake in YAML that cannot be seen."""
    with pytest.raises(ConfigurationError, match="line 2: has a tab; indent with spaces"):
        read_layers(write(tmp_path, "default:\n\tqueue: huey\n"), {})


def test_a_link_that_leads_nowhere_is_no_missing_file(tmp_path, monkeypatch):
    """The defaults must not be in effect where somebody meant a file."""
    monkeypatch.chdir(tmp_path)
    Path("settings.yaml").symlink_to("gone.yaml")
    with pytest.raises(ConfigurationError, match="No such file"):
        read_layers(None, {})


@pytest.mark.parametrize(
    ("values", "key"),
    [
        (
            {"document_types": ["passport", "other"]},
            "document_types: must name accepted documents only: drivers_license, drivers_permit, mobile_",
        ),
        (
            {"state_id_bypass_causes": ["timeout"]},
            "state_id_bypass_causes: must be source_down, source_timeout or maintenance",
        ),
        ({"document_requires": "seen"}, "document_requires: must be"),
        ({"trusted_proxies": ["0.0.0.0/0"]}, "trusted_proxies: must not trust every address"),
        ({"trusted_proxies": ["10.0.0.0/8", "::/0"]}, "trusted_proxies: must not trust every address"),
        ({"public_url": "http://localhost:99999"}, "public_url: must be an origin"),
        ({"public_url": "http://localhost:0"}, "public_url: must be an origin"),
        ({"QUEUE": "huey"}, "QUEUE: unknown key; did you mean queue"),
    ],
)
def test_values_that_no_start_survives_are_refused(tmp_path, values, key):
    """With the key, and what to do."""
    path = write(tmp_path, yaml.safe_dump({"default": values}))
    problems = " ".join(str(problem) for problem in validate_settings(read_layers(path, {})).problems)
    assert key in problems


@pytest.mark.parametrize(
    ("key", "text"),
    [
        *((key, "https://a..b:8000") for key in sorted(Settings.model_fields) if key.endswith("_url")),
        ("outbound_proxy", "http://user:word@a..b:3128"),
        ("probe_host", "a..b"),
    ],
)
def test_a_host_name_that_cannot_exist_is_refused(tmp_path, key, text):
    """Of every setting that names one; a resolver would raise an error that nobody expects."""
    (output,) = problems_of(write(tmp_path, f"default: {{{key}: '{text}'}}\n"))
    assert output.endswith(f": {key}: {HOST_RULE}")


def test_a_file_that_is_not_there_says_why(tmp_path):
    """And how another is named, where it is the variable that could name one."""
    missing = tmp_path / "nowhere.yaml"
    with pytest.raises(ConfigurationError, match=r"No such file .* PROOFING_SETTINGS may name another"):
        read_layers(None, {"PROOFING_SETTINGS": str(missing)})
    with pytest.raises(ConfigurationError, match=r"No such file or directory\)$"):
        read_layers(missing, {})


def test_one_mistake_is_one_problem(tmp_path):
    """A list whose only entry is wrong is not also too short; a wrong name is said to be one."""
    path = write(tmp_path, "default:\n  policies:\n    one:\n      steps: [documnt]\n")
    assert [line.partition(": must")[0] for line in problems_of(path)] == [
        "settings.yaml (default): policies.one.steps.0"
    ]
    path = write(tmp_path, "default:\n  policies:\n    Standard X:\n      steps: [document]\n")
    (output,) = problems_of(path)
    assert output.startswith("settings.yaml (default): policies.Standard X: the name must be at most 40")


def test_problems_name_what_was_written(tmp_path):
    """The variable that is misspelled, and the key that was set, not the default that it clashes with."""
    path = write(tmp_path, "default: {}\n")
    assert problems_of(path, {"PROOFING_DOCUMENT_VENDR": "mock"}) == [
        "environment variable: PROOFING_DOCUMENT_VENDR: unknown key; did you mean PROOFING_DOCUMENT_VENDOR?"
    ]
    layers = read_layers(path, {"PROOFING_ASYNC_WAIT_TIMEOUT_SECONDS": "8"})
    layers.add(SECRETS, "secret store")
    (problem,) = validate_settings(layers).problems
    assert (problem.source, problem.key) == ("environment variable", "async_wait_timeout_seconds")
    assert problem.rule.startswith("the default of job_deadline_seconds must be less than")


def test_missing_secrets_are_named(tmp_path):
    """Without secrets the start is refused, naming both keys."""
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(read_layers(write(tmp_path, "default: {}\n"), {}), Settings)
    assert {problem.key for problem in caught.value.problems} == set(SECRETS)


def test_a_missing_file_and_an_unknown_environment_are_refused(tmp_path):
    """Neither is silently replaced by defaults."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_layers(tmp_path / "nowhere.yaml", {})
    with pytest.raises(ConfigurationError, match="PROOFING_ENV: must be one of"):
        read_layers(write(tmp_path, "default: {}"), {"PROOFING_ENV": "prod"})


def test_directives_in_variables_are_refused(tmp_path):
    """A variable cannot make the loader evaluate anything."""
    path = write(tmp_path, "default: {}\n")
    with pytest.raises(ConfigurationError, match="PROOFING_QUEUE: must not start with @format") as caught:
        read_layers(path, {"PROOFING_QUEUE": f"@format {CANARY}"})
    assert CANARY not in str(caught.value)
    quoted = {"PROOFING_PARTNER_NAME": '"@format x"'}
    assert load(path, quoted).partner_name == "@format x"


@pytest.mark.parametrize(
    "text", ["@bc-synthetic", "'@int 5'", '"4711"', "'true'", '"2026-01-01"', "a@b", '"']
)
def test_variables_hold_any_text(tmp_path, text):
    """A password may begin with an at sign, and quotes make text of what looks like something else."""
    path = write(tmp_path, "default: {}\n")
    wanted = text if text == '"' else text.strip("\"'")
    assert load(path, {"PROOFING_PARTNER_NAME": text}).partner_name == wanted


@pytest.mark.parametrize(
    ("text", "read_as"),
    [("4711", "a number"), ("1e5", "a number"), ("true", "true or false"), ("2026-01-01", "a date")],
)
def test_a_text_that_looks_like_something_else_is_reported_with_its_spelling(tmp_path, text, read_as):
    """In a variable as in the file: what it was read as, how to write it, and not the value."""
    path = write(tmp_path, "default: {}\n")
    (output,) = problems_of(path, {"PROOFING_PARTNER_NAME": text})
    assert f"must be text; it is read as {read_as}" in output
    assert "PROOFING_PARTNER_NAME='\"…\"'" in output
    assert text not in output.replace(read_as, "")
    if text != "1e5":  # for YAML 1.1 that is text
        (output,) = problems_of(write(tmp_path, f"default: {{partner_name: {text}}}\n"))
        assert output.endswith(f"it is read as {read_as}, and text that looks like one needs quotes")


def test_a_key_of_digits_only_is_reported_with_its_spelling(tmp_path):
    """64 digits are a key in hex, and a number for dynaconf; nested settings of plugins as well."""
    (output,) = problems_of(
        write(tmp_path, "default: {}\n"), {"PROOFING_SESSION_ENCRYPTION_PREVIOUS_KEYS": f"[{'12' * 32}]"}
    )
    assert "session_encryption_previous_keys.0: must be 32 bytes" in output
    assert "is read as a number" in output
    assert "1212" not in output


def test_the_key_in_effect_is_no_previous_one(tmp_path):
    """Somebody has overwritten the old key with the new one, in both places."""
    lines = f"session_encryption_key: '{'ab' * 32}', session_encryption_previous_keys: ['{'ab' * 32}']"
    (output,) = problems_of(write(tmp_path, f"default: {{{lines}}}\n"))
    assert "session_encryption_previous_keys: must not name session_encryption_key" in output
    assert "abab" not in output


@pytest.mark.parametrize(
    "text", ['["a", "b"]', "['a', 'b']", "[a, b]", ' ["a","b"] ', '["a", "b",]'], ids=lambda text: text
)
def test_lists_in_variables(tmp_path, text):
    """As TOML, JSON and YAML write them."""
    assert load(write(tmp_path, "default: {}\n"), {"PROOFING_PHONE_VENDORS": text}).phone_vendors == (
        "a",
        "b",
    )


@pytest.mark.parametrize("text", ["a,b", "a", "5"])
def test_a_variable_that_is_no_list_is_reported_with_its_spelling(tmp_path, text):
    """By example, with the variable's own name."""
    (output,) = problems_of(write(tmp_path, "default: {}\n"), {"PROOFING_PHONE_VENDORS": text})
    assert output.endswith("""must be a list; write PROOFING_PHONE_VENDORS='["a", "b"]'""")


@pytest.mark.parametrize("text", ['{"mock": 50}', "{mock = 50}", "{mock: 50}"])
def test_maps_in_variables(tmp_path, text):
    """As JSON, TOML and YAML write them."""
    path = write(tmp_path, "default: {}\n")
    assert load(path, {"PROOFING_DOCUMENT_VENDOR_PERCENTAGES": text}).document_vendor_percentages == {
        "mock": 50
    }


@pytest.mark.parametrize("text", ["mock", "5", '["mock", 50]'])
def test_a_variable_that_is_no_map_is_told_with_its_spelling(tmp_path, text):
    """By example, with the variable's own name."""
    (output,) = problems_of(write(tmp_path, "default: {}\n"), {"PROOFING_DOCUMENT_VENDOR_PERCENTAGES": text})
    example = """write PROOFING_DOCUMENT_VENDOR_PERCENTAGES='{"a": 1}', or one variable for each key"""
    assert output.endswith(f"must be a map; {example}")


@pytest.mark.parametrize("number", ["0200", "-017", "00"])
def test_a_variable_with_an_octal_number_is_reported_with_its_spelling(tmp_path, number):
    """For a whole number and for one with a fraction."""
    for name in ("PROOFING_OUTBOUND_MAX_CONNECTIONS", "PROOFING_ASYNC_WAIT_TIMEOUT_SECONDS"):
        (output,) = problems_of(write(tmp_path, "default: {}\n"), {name: number})
        assert output.endswith("; write it without the 0 at the beginning")
        assert number not in output


def test_a_variable_with_a_sexagesimal_number_is_reported_with_its_spelling(tmp_path):
    """As a time of day."""
    (output,) = problems_of(write(tmp_path, "default: {}\n"), {"PROOFING_OUTBOUND_MAX_CONNECTIONS": "1:30"})
    assert output.endswith("; write one number without a colon")


def test_several_wrong_variables_are_reported_at_once(tmp_path):
    """With the right spelling, and without their values."""
    wrong = {"PROOFING_PLUGINS": f"[{CANARY}", "PROOFING_QUEUE": f"@int {CANARY}"}
    with pytest.raises(ConfigurationError) as caught:
        read_layers(write(tmp_path, "default: {}\n"), wrong)
    assert [problem.key for problem in caught.value.problems] == sorted(wrong)
    assert CANARY not in str(caught.value)


def test_null_in_a_variable(tmp_path):
    """Switches off what the file or a default has."""
    path = write(tmp_path, "default: {state_id_vendor: mock}\n")
    settings = load(path, {"PROOFING_STATE_ID_VENDOR": "null", "PROOFING_LOG_DIRECTORY": "null"})
    assert (settings.state_id_vendor, settings.log_directory) == (None, None)


@pytest.mark.parametrize("above", ["", "worker_slots: {phone: 7}"])
def test_one_slot_can_be_overridden(tmp_path, above):
    """By a variable, or in the file; the others keep their numbers."""
    path = write(tmp_path, f"default: {{{above}}}\n")
    slots = load(path, {"PROOFING_WORKER_SLOTS__DOCUMENT": "5"}).worker_slots
    assert slots == {"document": 5, "resolution": 100, "phone": 7 if above else 100, "code": 100}


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("0200", "octal"),
        ("-017", "octal"),
        ("0_7", "octal"),
        ("00", "octal"),
        ("1:30", "base 60"),
        ("190:20:30", "base 60"),
        ("1:30.5", "base 60"),
    ],
)
@pytest.mark.parametrize("place", ["{{x: {}}}", "[{}]", "\n  x:\n  - {}"])
def test_numbers_in_a_base_that_nobody_meant_are_refused(place, number, rule):
    """Wherever they stand, also in secrets and texts, with line and spelling and without the value."""
    with pytest.raises(ConfigurationError) as caught:
        parse_yaml("a: " + place.format(number), "secrets")
    assert f"{rule}" in str(caught.value)
    assert "secrets: line " in str(caught.value)
    assert "quote it" in str(caught.value)
    assert number not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("10", 10), ("-5", -5), ("1_000", 1000), ("0x10", 16), ("0.5", 0.5), ("'0200'", "0200")],
)
def test_other_numbers_are_what_they_look_like(text, value):
    """And quotes make text of any."""
    assert parse_yaml(f"a: {text}", "x") == {"a": value}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("default:\n  partner_name: Gemeinde Köln\n".encode("latin-1"), 2),
        ("default: {}\n".encode("utf-16"), 1),
        (b"default: {}\n\n# \x80\n", 3),
        (b"default:\n  partner_name: a\x07b\n", 2),
    ],
)
def test_the_encoding_is_reported_with_its_line(tmp_path, content, line):
    """An editor of another encoding, or a stray control character."""
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_layers(path, {})
    (problem,) = caught.value.problems
    assert (problem.source, problem.key) == ("settings.yaml", f"line {line}")


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    """Some editors write one."""
    path = tmp_path / "settings.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + "default: {partner_name: Köln}\n".encode())
    assert load(path).partner_name == "Köln"


def test_an_empty_directory_has_the_built_in_defaults(bare_environment, tmp_path, monkeypatch):
    """They start without a file; a file that was named, or was there, must be there."""
    monkeypatch.chdir(tmp_path)
    layers = read_layers(None, {})
    assert (layers.has_file, layers.origin(["queue"])) == (False, "built-in defaults")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_layers(None, {"PROOFING_SETTINGS": "settings.yaml"})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_layers(None, {}, is_required=True)


def test_any_environment_that_has_a_block(tmp_path):
    """Its values hold, and the rules of production where its block asks for them."""
    text = "default: {}\nstaging: {partner_name: s}\neu-west_1: {is_production: 'true'}\n"
    path = write(tmp_path, text)
    staging = read_layers(path, {"PROOFING_ENV": "staging"})
    assert (staging.get("partner_name"), staging.is_production) == ("s", False)
    assert read_layers(path, {"PROOFING_ENV": "eu-west_1"}).is_production
    assert read_layers(path, {"PROOFING_ENV": "production"}).is_production
    assert read_layers(path, {"PROOFING_ENV": "production", "PROOFING_IS_PRODUCTION": "false"}).is_production
    assert read_layers(path, {"PROOFING_ENV": "staging", "PROOFING_IS_PRODUCTION": "true"}).is_production


@pytest.mark.parametrize("name", ["prod", "default", "", "../staging", "Staging"])
def test_an_environment_without_a_block_is_reported_with_those_there_are(tmp_path, name):
    """A misspelled name must not run with the rules of no environment."""
    path = write(tmp_path, "default: {}\nstaging: {}\n")
    with pytest.raises(ConfigurationError) as caught:
        read_layers(path, {"PROOFING_ENV": name})
    assert "PROOFING_ENV: must be one of development, test, production, staging" in str(caught.value)


def test_secrets_never_print(tmp_path):
    """Neither repr nor str of the settings shows a key."""
    settings = load(write(tmp_path, "default: {outbound_proxy: 'http://u:pw@p:1'}\n"))
    shown = repr(settings) + str(settings)
    assert KEY not in shown
    assert "u:pw" not in shown


def test_the_shipped_file_is_valid_and_alphabetical():
    """settings.yaml loads in development, and its keys stand in order."""
    path = Path(__file__).parents[3] / "settings.yaml"
    assert load(path).queue == "huey"
    keys = list(parse_yaml(path.read_bytes(), "settings.yaml")["default"])
    assert keys == sorted(keys)


def test_every_setting_is_documented():
    """docs/reference/settings.md is what the schema prints."""
    page = Path(__file__).parents[3] / "docs/reference/settings.md"
    assert page.read_text().strip() == reference().strip()


def test_duplicate_keys_in_secrets_are_refused():
    """Secrets are read as strictly as the file."""
    with pytest.raises(ConfigurationError, match="duplicate key"):
        parse_yaml(json.dumps({"a": 1})[:-1] + ', "a": 2}', "secrets")


def test_variables_of_the_process_are_the_default(bare_environment, tmp_path, monkeypatch):
    """Without *environ*, the process's own variables count."""
    monkeypatch.setenv("PROOFING_SETTINGS", str(write(tmp_path, "default: {partner_name: x}\n")))
    assert read_layers().get("partner_name") == "x"


@pytest.mark.parametrize(
    ("key", "values", "wrong", "rule"),
    [
        (
            "support_url",
            ["https://help.agency.example", "https://agency.example/help?a=b#c"],
            [
                "http://help.agency.example",
                "help.agency.example",
                "/help",
                "https:///x",
                "javascript:alert(1)",
                "",
            ],
            "must be an https URL",
        ),
        ("privacy_url", ["https://agency.example/privacy"], ["/privacy"], "must be an https URL"),
        ("accessibility_url", ["https://agency.example/a"], ["ftp://a.example"], "must be an https URL"),
        (
            "alternative_url",
            ["https://agency.example", "mailto:help@agency.example", "tel:+12025550143"],
            [
                "mailto:help",
                "mailto:help@a..b",
                "tel:12",
                "tel:+1 202 555 0143",
                "sms:+12025550143",
                "http://agency.example",
            ],
            "must be an https URL, mailto: with an email address, or tel: with a US phone number",
        ),
        (
            "support_email",
            ["help@agency.example"],
            [
                "help",
                "a@b@c",
                "help@a..b",
                "help@agency.example\n",
                "<help@agency.example>",
                "mailto:help@agency.example",
            ],
            "must be an email address such as help@example.gov",
        ),
        (
            "support_phone",
            ["202-555-0143", "+1 (202) 555-0143", "2025550143"],
            ["911", "202-555-0143 x12", "+44 20 7946 0018", ""],
            "must be a US phone number with 10 digits, such as '202-555-0143'",
        ),
    ],
)
def test_help_leads_somewhere(tmp_path, key, values, wrong, rule):
    """Every link is checked, and a wrong one is named with its rule."""
    for value in values:
        assert getattr(load(write(tmp_path, f"default: {{{key}: {json.dumps(value)}}}\n")), key) == value
    for value in wrong:
        (output,) = problems_of(write(tmp_path, f"default: {{{key}: {json.dumps(value)}}}\n"))
        assert output.endswith(f": {key}: {rule}"), value
