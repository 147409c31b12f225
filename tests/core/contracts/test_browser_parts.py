"""What a page may load for a vendor: whole origins over https, URLs of them, one script of the plugin."""

from dataclasses import replace

import pytest

from proofing.base.errors import PluginError
from proofing.contracts.browser_parts import MAX_SCRIPT_BYTES, BrowserPart

VENDOR = "https://h.vendor.example"
TAG = BrowserPart(
    scripts=[f"{VENDOR}/fp/tags.js?org_id=o%2D1&session_id={{session_id}}"],
    frame=f"{VENDOR}/fp/tags?org_id=o1&session_id={{session_id}}",
    script_sources=frozenset({VENDOR, "https://cdn.vendor.example:8443"}),
    connect_sources=frozenset({VENDOR}),
    image_sources=frozenset({VENDOR}),
    frame_sources=frozenset({VENDOR}),
)


def refusal(part, *, is_production=True):
    """Return why *part* is refused; nothing when it is not."""
    try:
        part.require_sound("acme:device", is_production=is_production)
    except PluginError as error:
        return str(error)
    return ""


@pytest.fixture
def script(tmp_path):
    """A script of a plugin."""
    path = tmp_path / "profile.js"
    path.write_text("void 0;")
    return path


def test_a_tag_and_a_script(script):
    """A vendor's tag with its frame, and a script of the plugin that wants to know something."""
    assert refusal(TAG) == ""
    assert refusal(BrowserPart(own_script=script, values={"org-id": "o <1>"})) == ""
    assert list(TAG.sources) == ["script-src", "connect-src", "img-src", "frame-src"]
    assert BrowserPart(own_script=script).sources == {}


def test_an_isolated_part(script):
    """Images of all hosts below a domain, and no script of the plugin."""
    wide = frozenset({"https://*.vendor.example", VENDOR})
    assert refusal(replace(TAG, isolated=True, image_sources=wide)) == ""
    for source in ("https://*.example", "https://*", "*", "https://h.*.example", "http://*.vendor.example"):
        assert "img-src" in refusal(replace(TAG, isolated=True, image_sources=frozenset({source}))), source
    for field in ("script_sources", "connect_sources", "frame_sources"):
        assert "origins" in refusal(replace(TAG, isolated=True, **{field: wide})), field
    assert "img-src" in refusal(replace(TAG, image_sources=wide))
    assert "no own_script" in refusal(replace(TAG, isolated=True, own_script=script))


@pytest.mark.parametrize("field", ["script_sources", "connect_sources", "image_sources", "frame_sources"])
@pytest.mark.parametrize(
    "source",
    [
        "*",
        "https:",
        "https://*",
        "https://*.vendor.example",
        "http://h.vendor.example",
        "https://h.vendor.example/",
        "https://h.vendor.example/fp",
        "https://h.vendor.example:",
        "https://h.vendor.example:0",
        "https://h.vendor.example:443443",
        "https://h.vendor.example:*",
        "https://H.vendor.example",
        "https://user@h.vendor.example",
        "https://h.vendor.example?x",
        "https://h..vendor.example",
        "https://h.vendor.example https://evil.example",
        "https://h.vendor.example; script-src *",
        "https://h.vendor.example\n",
        "https://intranet",
        "h.vendor.example",
        "//h.vendor.example",
        "wss://h.vendor.example",
        "'unsafe-inline'",
        "'unsafe-eval'",
        "'self'",
        "data:",
        "",
        None,
        7,
    ],
)
def test_what_is_not_an_origin_is_refused(field, source):
    """In a sentence that names the directive, and not what it read."""
    sentence = refusal(replace(TAG, **{field: getattr(TAG, field) | {source}}), is_production=False)
    assert "must be a frozenset of at most 16 origins" in sentence
    assert "evil" not in sentence


@pytest.mark.parametrize(
    "sources", [VENDOR, [VENDOR], frozenset(f"{VENDOR}:{port}" for port in range(1, 18))]
)
def test_sources_are_a_small_set(sources):
    """A text would be the set of its letters."""
    assert "must be a frozenset of at most 16 origins" in refusal(replace(TAG, connect_sources=sources))


@pytest.mark.parametrize("source", ["http://localhost:8900", "http://127.0.0.1:8900", "https://localhost"])
def test_this_machine(source):
    """Vendors that a developer plays, and not in production."""
    part = replace(TAG, connect_sources=frozenset({source}))
    assert refusal(part, is_production=False) == ""
    assert "must be a frozenset of at most 16 origins" in refusal(part)


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/tags.js",
        "http://h.vendor.example/tags.js",
        "//h.vendor.example/tags.js",
        "https://h.vendor.example:8443/tags.js",
        'https://h.vendor.example/tags.js?q="><script>',
        "https://h.vendor.example/{org_id}",
        "https://h.vendor.example/a b",
        "https://h.vendor.example@evil.example/",
        f"{VENDOR}/{'x' * 1024}",
        None,
    ],
)
def test_urls_are_of_listed_origins(url):
    """What the policy would block is refused at load, as is what does not belong into a URL."""
    assert "each script of its page must be a URL" in refusal(replace(TAG, scripts=[url]))
    if url is not None:
        assert "each frame of its page must be a URL" in refusal(replace(TAG, frame=url))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scripts": "https://h.vendor.example/tags.js"}, "must be a list"),
        ({"scripts": [f"{VENDOR}/t.js"] * 17}, "must be a list"),
        ({"scripts": ()}, "loads no script"),
        ({"values": {"org-id": "o1"}}, "need an own_script"),
    ],
)
def test_other_mistakes(changes, words):
    """Each has a sentence."""
    assert words in refusal(replace(TAG, **changes))


@pytest.mark.parametrize(
    "values", [{"Org": "o"}, {"org_id": "o"}, {"session-id": "o"}, {"org": 7}, {"org": "x" * 1025}, {7: "o"}]
)
def test_values_of_a_script(script, values):
    """Names of data attributes, and short texts."""
    assert "values of its page" in refusal(BrowserPart(own_script=script, values=values))


def test_scripts_that_cannot_be_served(tmp_path, script):
    """Missing, empty, large, of another type, a folder, or a text in place of a path."""
    (tmp_path / "empty.js").touch()
    (tmp_path / "large.js").write_bytes(b" " * (MAX_SCRIPT_BYTES + 1))
    (tmp_path / "page.html").write_text("x")
    for own in [*(tmp_path / name for name in ("empty.js", "large.js", "page.html", "none.js")), str(script)]:
        assert "own_script of its page" in refusal(BrowserPart(own_script=own)), own
