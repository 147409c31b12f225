"""Settings: layers, strictness, and problems that name everything but the value."""

import json
from pathlib import Path

import pytest

from proofing.cli.inspection import reference
from proofing.errors import ConfigurationError
from proofing.settings import LiveSettings, Settings, parse_settings, read_layers
from proofing.settings.layers import parse_yaml

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
    text = "default:\n  worker_slots: {document: 1, resolution: 2, address: 3}\n  plugins: [a, b]\n"
    path = write(tmp_path, text + "test:\n  worker_slots: {address: 9}\n  plugins: [c]\n")
    settings = load(path, {"PROOFING_ENV": "test", "PROOFING_WORKER_SLOTS__DOCUMENT": "5"})
    assert settings.worker_slots == {"document": 5, "resolution": 2, "address": 9}
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
    "default: {result_life_seconds: 901}",
    f"default: {{session_encryption_key_queue: [{CANARY}]}}",
    "default: {session_encryption_key_queue: ['" + "ab" * 31 + "']}",
    "default: {worker_slots: {document: 1}}",
    "default: {worker_slots: {document: 1, resolution: 1, address: 0}}",
    f"default: {{worker_slots: {{document: 1, resolution: 1, address: 1, {CANARY}: 1}}}}",
    f"default: {{vendor_status: {{mock: {CANARY}}}}}",
    "default: {resolution_vendor_percentages: {a: 60, b: 60}}",
    "default: {resolution_vendor_percentages: {a: 101}}",
    f"default: {{partner_name: '@format {CANARY}'}}",
    f"default: {{address_vendors: {CANARY}}}",
    "default: {address_vendors: []}",
    f"default: {{queue: huey, queue: {CANARY}}}",
    f"{CANARY}: {{}}",
    f"default: {CANARY}",
    f"- {CANARY}",
    f"default: [unclosed {CANARY}",
    "default: {1: 2}",
    "default: !!python/object/apply:os.system ['true']",
    f"default: {{plugins: {{a: {CANARY}}}}}",
]


@pytest.mark.parametrize("text", INVALID)
def test_what_is_wrong_is_refused_without_its_value(tmp_path, text):
    """Each malformed file is refused, and no message shows what stood there (names of keys excepted)."""
    problems = problems_of(write(tmp_path, text + "\n"))
    assert problems
    shown = "\n".join(problems)
    keyed = f"{CANARY}:" in text and "worker_slots" not in text
    assert CANARY not in shown or keyed


def test_all_problems_are_told_at_once(tmp_path):
    """Three mistakes give three problems, each with file, block and key."""
    path = write(tmp_path, "default:\n  quue: huey\n  idv_min_age_years: no\ntest:\n  partner_name: 7\n")
    problems = problems_of(path, {"PROOFING_ENV": "test"})
    assert len(problems) == 3
    assert any("quue: unknown key; did you mean queue?" in problem for problem in problems)
    assert any(problem.startswith("settings.yaml (test): partner_name") for problem in problems)


def test_rules_between_keys_name_their_key_each(tmp_path):
    """Not the first broken rule alone, and none without the key to look for."""
    values = "job_deadline_seconds: 100, upload_url_valid_seconds: 999999, worker_slots: {document: 1}"
    told = problems_of(write(tmp_path, f"default: {{{values}}}\n"))
    assert [line.partition(": must")[0] for line in told] == [
        "settings.yaml (default): job_deadline_seconds",
        "settings.yaml (default): upload_url_valid_seconds",
        "settings.yaml (default): worker_slots",
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
    """A host without its scheme would be a link to a page of ours that does not exist."""
    path = write(tmp_path, f"default: {{partner_url: {json.dumps(link)}}}\n")
    if fine:
        assert load(path).partner_url == link
    else:
        (told,) = problems_of(path)
        assert told.endswith(": partner_url: must be a path that begins with one / or an http or https URL")


@pytest.mark.parametrize("link", ["status.agency.example", "/status", "javascript:alert(1)", ""])
def test_the_status_url_is_a_site(tmp_path, link):
    """When pages of ours are unavailable, no path of ours will do; without a link there is none."""
    (told,) = problems_of(write(tmp_path, f"default: {{status_url: '{link}'}}\n"))
    assert told.endswith(": status_url: must be an http or https URL")
    path = write(tmp_path, "default: {status_url: 'https://status.agency.example/'}\n")
    assert load(path).status_url == "https://status.agency.example/"
    assert load(write(tmp_path, "default: {}\n")).status_url is None


@pytest.mark.parametrize("names", ["[Montana, ND]", "[MT, nd]", "['']", "[XX]"])
def test_jurisdictions_are_codes_of_states(tmp_path, names):
    """A name that no document bears would switch the licence office's check off, unsaid."""
    (told,) = problems_of(write(tmp_path, f"default: {{state_id_jurisdictions: {names}}}\n"))
    assert told.endswith(": state_id_jurisdictions: must be two-letter codes such as MT")
    path = write(tmp_path, "default: {state_id_jurisdictions: [MT, ND, PR]}\n")
    assert load(path).state_id_jurisdictions == ("MT", "ND", "PR")


def test_a_wrong_word_is_told_with_the_right_ones(tmp_path):
    """Nobody has to look up what a vendor's status may be."""
    (told,) = problems_of(write(tmp_path, f"default: {{vendor_status: {{mock: {CANARY}}}}}\n"))
    assert told.endswith(": vendor_status.mock: must be 'operational', 'partial_outage' or 'full_outage'")


def test_slots_fit_into_the_connections(tmp_path):
    """A job that waits for a connection inside the client lets its deadline run."""
    (told,) = problems_of(write(tmp_path, "default: {outbound_max_connections: 299}\n"))
    assert "outbound_max_connections: must be at least the sum of worker_slots" in told


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("default:\n  partner_name: 2026-13-45\n", "line 2"),
        ("default: {partner_name: !!int 'x'}\n", "line 1"),
        ("default: {partner_name: &a [*a]}\n", "file"),
        ("default: " + "[" * 5000 + "\n", "file"),
    ],
)
def test_yaml_that_python_cannot_hold_is_told(tmp_path, text, where):
    """A date that does not exist, a map that holds itself: one line with its place, and no traceback."""
    (told,) = problems_of(write(tmp_path, text))
    assert told.startswith(f"settings.yaml: {where}: ")
    assert "2026-13" not in told


def test_variables_that_clash_are_told(tmp_path):
    """One sets a value, and another goes below it."""
    with pytest.raises(ConfigurationError, match="PROOFING_QUEUE__X: goes below queue"):
        read_layers(write(tmp_path, "default: {}\n"), {"PROOFING_QUEUE": CANARY, "PROOFING_QUEUE__X": CANARY})


def test_a_file_that_is_not_there_says_why(tmp_path):
    """And how another is named."""
    with pytest.raises(ConfigurationError, match=r"No such file .* PROOFING_SETTINGS may name another"):
        read_layers(tmp_path / "nowhere.yaml", {})


def test_an_edit_during_the_start_is_not_missed(tmp_path):
    """Between reading the file and following it, secrets are fetched, which takes a while."""
    path = write(tmp_path, "default: {idv_available: true}\n")
    layers = read_layers(path, {})
    settings = load(path)
    path.write_text("default: {idv_available: false}\n")
    live = LiveSettings(settings, layers, lambda: load(path))
    live._looked = float("-inf")
    assert live.current.idv_available is False


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
    with pytest.raises(ConfigurationError, match="PROOFING_QUEUE: must not start with @"):
        read_layers(path, {"PROOFING_QUEUE": f"@format {CANARY}"})


def test_secrets_never_print(tmp_path):
    """Neither repr nor str of the settings shows a key."""
    settings = load(write(tmp_path, "default: {outbound_proxy: 'http://u:pw@p:1'}\n"))
    shown = repr(settings) + str(settings)
    assert KEY not in shown
    assert "u:pw" not in shown


def test_switches_follow_the_file_and_structure_does_not(tmp_path, monkeypatch):
    """A changed switch holds at once; a changed queue waits for a restart; a broken file changes nothing."""
    path = write(tmp_path, "default:\n  idv_available: true\n")
    clock = [0.0]
    monkeypatch.setattr("proofing.settings.live.time.monotonic", lambda: clock[0])
    live = LiveSettings(load(path), read_layers(path, {}), lambda: load(path))

    def edit(text: str) -> Settings:
        path.write_text(text)
        clock[0] += 2
        return live.current

    assert edit("default:\n  idv_available: 'false'\n  queue: postgres\n").idv_available is False
    assert live.current.queue == "huey"
    assert edit("default:\n  idv_available: maybe\n").idv_available is False
    assert edit("default:\n  idv_available: true\n  # changed\n").idv_available is True


def test_the_shipped_file_is_valid_and_alphabetical():
    """settings.yaml loads in development, and its keys stand in order."""
    path = Path(__file__).parents[2] / "settings.yaml"
    assert load(path).queue == "huey"
    keys = list(parse_yaml(path.read_bytes(), "settings.yaml")["default"])
    assert keys == sorted(keys)


def test_every_setting_is_documented():
    """docs/reference/settings.md is what the schema prints."""
    page = Path(__file__).parents[2] / "docs/reference/settings.md"
    assert page.read_text().strip() == reference().strip()


def test_duplicate_keys_in_secrets_are_refused():
    """Secrets are read as strictly as the file."""
    with pytest.raises(ConfigurationError, match="stands twice"):
        parse_yaml(json.dumps({"a": 1})[:-1] + ', "a": 2}', "secrets")


def test_variables_of_the_process_are_the_default(bare_environment, tmp_path, monkeypatch):
    """Without *environ*, the process's own variables count."""
    monkeypatch.setenv("PROOFING_SETTINGS", str(write(tmp_path, "default: {partner_name: x}\n")))
    assert read_layers().get("partner_name") == "x"
