"""`proofing mutate`: mistakes are planted where they belong, and those that survive are named."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from proofing.cli import exits, main
from proofing.cli.mutation.catalog import MISTAKES, find_mutants
from proofing.cli.mutation.sources import Source, read_package

ROOT = Path(__file__).parents[3]

ADAPTER = """
from typing import Literal
import hmac
from xml.sax.saxutils import escape

from pydantic import BaseModel, Field, ValidationError
from proofing.plugin import Cause, Match, NotAuthenticError, Outcome, PhoneResult, Side, VendorError
from proofing.plugin.support import MACKeys

_OUTCOMES = {"yes": Outcome.PASSED, "no": Outcome.FAILED}


class Answer(BaseModel):
    id: str = Field(pattern="[a-z]+")
    word: Literal["yes", "no"]


class Phones:
    def __init__(self, settings):
        self._key = settings.key
        self._keys = MACKeys(b"a", [b"b"])

    async def proof(self, request, context) -> PhoneResult:
        person = request.applicant
        body = {"name": escape(request.applicant.last_name), "back": context.return_url}
        images = (request.images[Side.FRONT], request.images[Side.BACK])
        mac = hmac.new(self._key.get_secret_value(), body, "sha256")
        with context.unbilled():
            response = await context.http.post("https://a.example", json_body=body)
        return self.read(response.require_success())

    async def resume(self, request, pending, because, context) -> PhoneResult:
        return self.read(await context.http.get("https://a.example"))

    def read(self, response) -> PhoneResult:
        try:
            answer = Answer.model_validate(response.json())
        except ValidationError:
            raise VendorError(Cause.NONSENSE, "not an answer") from None
        if answer.id == "x" or not isinstance(answer.word, str):
            raise VendorError(Cause.NONSENSE, "no id", codes=("1",))
        return PhoneResult(
            vendor_name="phones",
            outcome=_OUTCOMES[answer.word],
            attributes={"phone": Match.MATCH},
            transaction_id=answer.id,
        )

    def receive(self, incoming, now):
        if not self._keys.verify(incoming.body, b""):
            raise NotAuthenticError
"""

INIT = """
from proofing.plugin import ProoferDescriptor, ProoferKind, hookimpl


@hookimpl
def proofing_proofers():
    return [
        ProoferDescriptor(
            name="phones",
            kind=ProoferKind.PHONE,
            make=print,
            attributes=frozenset({"phone"}),
            timeout_seconds=lambda _settings: 5.0,
        )
    ]
"""


@pytest.fixture
def package(tmp_path):
    """A package with something of everything."""
    package = tmp_path / "proofing_phones"
    package.mkdir()
    (package / "__init__.py").write_text(INIT)
    (package / "adapter.py").write_text(ADAPTER)
    return package


def mutated(package, mistake):
    """Return the texts of the adapter with each mutant of one mistake."""
    sources = read_package(package)
    (adapter,) = (source for source in sources if source.file == "adapter.py")
    return [adapter.with_edits(mutant.edits).decode() for mutant in find_mutants(sources, [mistake])]


def test_every_mistake_is_planted_somewhere_and_compiles(package):
    """Each mistake of the catalog has a place in a package with something of everything."""
    sources = read_package(package)
    mutants = find_mutants(sources)
    assert {mutant.mistake for mutant in mutants} == set(MISTAKES)
    for mutant in mutants:
        changed = [source.with_edits(mutant.edits) for source in sources]
        assert changed != [source.content for source in sources], mutant
        for text in changed:
            ast.parse(text)


def test_the_same_mutants_each_time(package):
    """In the same order, each once, the first of every mistake before the second of any."""
    first, second = (find_mutants(read_package(package)) for _ in range(2))
    assert first == second
    assert len({(mutant.edits) for mutant in first}) == len(first)
    count = len({mutant.mistake for mutant in first})
    assert len({mutant.mistake for mutant in first[:count]}) == count


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        ("comparison-weakened", "if (answer.id is not None) or not isinstance"),
        ("default-of-table", "_OUTCOMES.get(answer.word, Outcome.PASSED)"),
        ("default-of-table", "word: str"),
        ("verdict-swapped", '"no": Outcome.PASSED}'),
        ("status-unchecked", "return self.read(response)"),
        ("check-removed", "isinstance(answer.word, str):\n            pass"),
        ("type-unchecked", "not True:"),
        ("type-unchecked", "id: str = Field()"),
        ("from-none-removed", '"not an answer")\n'),
        ("attribute-not-sent", 'body = { "back": context.return_url}'),
        ("context-not-sent", '"back": \'https://fixed.example/ffff'),
        ("escaping-removed", '{"name": request.applicant.last_name,'),
        ("sides-swapped", "(request.images[Side.BACK], request.images[Side.FRONT])"),
        ("signs-other-bytes", "body + b' '"),
        ("secret-printed", "print(self._key.get_secret_value())"),
        ("answer-in-message", '("not an answer") + str(__import__("sys").exc_info()[1])'),
        ("answer-logged", "context.logger.warning('answer %s', response.content)"),
        ("free-call-billed", 'with __import__("contextlib").nullcontext():'),
        ("fact-left-out", "            \n        )\n\n    def receive"),
        ("fact-left-out", 'VendorError(Cause.NONSENSE, "no id", )'),
        ("result-of-wrong-type", "outcome=(_OUTCOMES[answer.word]).value"),
        ("signature-unchecked", "if not True:"),
        ("refusal-removed", 'verify(incoming.body, b""):\n            pass'),
        ("previous-secret-ignored", 'MACKeys(b"a", )'),
        ("body-reserialized", 'verify(__import__("json").dumps('),
        ("asked-twice", "except core.VendorError:\n        return await call()"),
        ("error-as-answer", "core.PhoneResult(vendor_name=error.vendor_name, outcome=core.Outcome.FAILED"),
    ],
)
def test_what_is_planted(package, mistake, text):
    """The text of the adapter with the mistake, as somebody would have written it."""
    assert any(text in found for found in mutated(package, mistake))


def test_what_is_unreachable_is_not_planted(package):
    """`from None` outside of a handler, types, and settings stay as they are."""
    (package / "adapter.py").write_text(
        "from typing import Literal\n"
        "from proofing.plugin import PluginSettings, VendorError\n"
        "class S(PluginSettings):\n    mode: Literal['a'] = 'a'\n    name: str = Field(pattern='x')\n"
        "def f() -> 'Match.MATCH':\n    raise VendorError(1, '2') from None\n"
    )
    assert mutated(package, "from-none-removed") == []
    assert mutated(package, "type-unchecked") == []
    assert mutated(package, "verdict-swapped") == []


def test_a_line_can_be_excluded_with_a_reason(package):
    """A comment without a reason excludes nothing."""
    text = '_OUTCOMES = {"yes": Outcome.PASSED, "no": Outcome.FAILED}'
    before = len(mutated(package, "verdict-swapped"))
    (package / "adapter.py").write_text(ADAPTER.replace(text, f"{text}  # unmutated:"))
    assert len(mutated(package, "verdict-swapped")) == before
    (package / "adapter.py").write_text(ADAPTER.replace(text, f"{text}  # unmutated: tested elsewhere"))
    assert len(mutated(package, "verdict-swapped")) == before - 2


def test_text_before_a_mistake_may_be_of_any_script():
    """Places of the syntax tree are bytes, not characters."""
    text = "x = 'ä€𝄞' == y == 1 or z == 'ü'\n"
    source = Source("a.py", text.encode(), ast.parse(text))
    (mutant,) = find_mutants([source], ["comparison-weakened"])
    assert source.with_edits(mutant.edits).decode() == "x = 'ä€𝄞' == y == 1 or (z is not None)\n"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A plugin with an entry point, an adapter of few words, and tests that see half of it."""
    package, tests = tmp_path / "proofing_tiny", tmp_path / "tests"
    package.mkdir()
    tests.mkdir()
    (package / "__init__.py").write_text("from proofing_tiny.words import read\n")
    (package / "words.py").write_text(
        "from proofing.plugin import Outcome\n\n\n"
        "def read(word, other):\n"
        '    if other == "x":\n'
        "        return Outcome.REVIEW\n"
        '    return Outcome.PASSED if word == "yes" else Outcome.FAILED\n'
    )
    (tests / "test_words.py").write_text(
        "from proofing.plugin import Outcome\nimport proofing_tiny\n\n\n"
        "def test_words():\n"
        "    assert 'proofing-mutate-' in proofing_tiny.__file__\n"
        "    assert proofing_tiny.read('yes', '') is Outcome.PASSED\n"
        "    assert proofing_tiny.read('no', '') is Outcome.FAILED\n"
        "    assert proofing_tiny.read('maybe', '') is Outcome.FAILED\n"
    )
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\nasyncio_mode = 'auto'\n")
    info = tmp_path / "proofing_tiny-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: proofing-tiny\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[proofing]\ntiny = proofing_tiny\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_survives_is_named(installed, capsys):
    """With its place and what to add, and an exit code of 1; the package is as it was."""
    before = (installed / "proofing_tiny/words.py").read_bytes()
    code = main(["mutate", "tiny"])
    output, errors = capsys.readouterr()
    assert (code, errors) == (1, "planting 6 mistakes, one by one\n")
    assert "proofing_tiny/words.py:6: verdict-swapped: Outcome.REVIEW -> Outcome.PASSED\n" in output
    assert "Add: an example answer that has this verdict" in output
    assert output.endswith("tiny: 6 mistakes planted, 4 noticed, 2 survived\n")
    assert (installed / "proofing_tiny/words.py").read_bytes() == before
    assert not list(installed.rglob("*.pyc"))


def test_what_programs_read(installed, capsys):
    """One object, the same each time, with the verdict of each mutant; one mistake alone can be asked for."""
    arguments = ["mutate", "tiny", "--json", "--jobs", "2", "--only", "verdict-swapped"]
    assert main(arguments) == 1
    first = capsys.readouterr().out
    assert main(arguments) == 1
    assert capsys.readouterr().out == first
    report = json.loads(first)
    assert (report["noticed"], report["survived"], report["not_run"]) == (2, 2, 0)
    assert {(one["line"], one["verdict"]) for one in report["mutants"]} == {(6, "survived"), (7, "noticed")}


def test_a_good_suite_lets_nothing_through(installed, capsys):
    """Then the exit code is 0, and there is one line."""
    path = installed / "tests/test_words.py"
    path.write_text(
        f"{path.read_text()}    assert proofing_tiny.read('yes', 'x') is Outcome.REVIEW\n"
        "    assert proofing_tiny.read('yes', 'other') is Outcome.PASSED\n"
    )
    assert main(["mutate", "tiny"]) == 0
    assert capsys.readouterr().out == "tiny: 6 mistakes planted, 6 noticed, 0 survived\n"


def test_a_hanging_mutant_is_noticed(installed, monkeypatch, capsys):
    """And nothing of it is left running."""
    monkeypatch.setattr("proofing.cli.mutation.running._LEAST_SECONDS", 1.0)
    monkeypatch.setattr("proofing.cli.mutation.running._PATIENCE", 0)
    path = installed / "tests/test_words.py"
    path.write_text(
        f"{path.read_text()}\n\ndef test_hang():\n"
        "    import time\n"
        "    assert proofing_tiny.read('yes', 'x') is Outcome.REVIEW or time.sleep(600)\n"
    )
    assert main(["mutate", "tiny", "--only", "verdict-swapped"]) == 0
    assert "4 noticed" in capsys.readouterr().out
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(installed) not in running


def test_time_that_is_over_is_said(installed, monkeypatch, capsys):
    """What had no turn is counted, and is no success."""
    monkeypatch.setattr("proofing.cli.mutation.running.time", Clock())
    assert main(["mutate", "tiny"]) == 1
    assert "6 mistakes planted, 0 noticed, 0 survived, 6 not run" in capsys.readouterr().out


class Clock:
    """Each look is ten minutes later."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 600.0
        return self.now


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing"], exits.NOT_FOUND, "no plugin nothing is installed"),
        (["tiny", "--only", "bad-idea"], exits.USAGE, "--only bad-idea: must be one of comparison-weakened"),
        (["tiny", "--tests", "missing"], exits.NOT_FOUND, "missing does not exist"),
    ],
)
def test_what_cannot_be_run(installed, capsys, arguments, code, said):
    """Is refused in a sentence."""
    assert main(["mutate", *arguments]) == code
    assert said in capsys.readouterr().err


def test_tests_that_fail_already(installed, capsys):
    """Are shown, and nothing is planted."""
    (installed / "tests/test_words.py").write_text("def test_bad():\n    assert 1 == 2\n")
    assert main(["mutate", "tiny"]) == 1
    error = capsys.readouterr().err
    assert "the tests must pass before mistakes are planted" in error
    assert "assert 1 == 2" in error


def test_the_page_lists_the_catalog():
    """docs/reference/author-tools.md has each mistake with what it does, and no other."""
    page = (ROOT / "docs/reference/author-tools.md").read_text()
    for mistake in MISTAKES.values():
        assert f"| `{mistake.id}` | {mistake.summary} |" in page
    assert page.count("\n| `") == len(MISTAKES) + page.count("\n| `--")


def test_the_help_imports_none_of_it():
    """Of what authors use nothing is imported before it runs."""
    code = (
        "import sys; from proofing.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = ('proofing.cli.', 'proofing.testing', 'pytest')\n"
        "print(sorted(name for name in sys.modules if name.startswith(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    light = ["proofing.cli.argument_types", "proofing.cli.arguments", "proofing.cli.exits"]
    assert done.stdout.endswith(f"{light}\n")
