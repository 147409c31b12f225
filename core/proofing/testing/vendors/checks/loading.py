"""What holds before anything is asked: descriptor, settings, imports, making, and what is provided."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from proofing.base.errors import PluginError
from proofing.contracts.applicant import JURISDICTIONS
from proofing.contracts.continuation import Again, Exchange, Leave
from proofing.contracts.plugin_settings import JOB_DEADLINE_SECONDS
from proofing.contracts.proofers import CONTRACT_VERSION
from proofing.contracts.results import Outcome
from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import make_process
from proofing.testing.vendors.bending import Place
from proofing.testing.vendors.rules import RULES
from proofing.testing.vendors.subject import CheckRule, Subject
from proofing.testing.vendors.suite import ProoferSuite

#: A secret of fewer characters is found by chance, or not at all.
MIN_SECRET = 8
_NAME = re.compile(r"[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*)?")
#: Names of settings that hold a secret, by their last word.
_SECRET_WORDS = frozenset(
    {"key", "secret", "token", "password", "passphrase", "credential", "credentials"}
    | {"apikey", "passwd", "passcode", "pwd"}
)
#: Names that end so and hold none.
_PUBLIC = re.compile(r"(.*_)?(public|publishable|site|use_case|partition|idempotency)_key")
_LISTING = """
import sys
import proofing.contracts.hooks, proofing.contracts.proofers
before = set(sys.modules)
import {plugin} as plugin
for hook in ("proofing_proofers", "proofing_settings", "proofing_webhooks"):
    getattr(plugin, hook, lambda: None)()
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(" ".join(sorted(loaded - sys.stdlib_module_names - {{"proofing", "pydantic", "{package}"}})))
"""


def plugin_loads(_subject: Subject) -> Iterator[str]:
    """It did."""
    return iter(())


def descriptor_form(subject: Subject) -> Iterator[str]:
    """The fields of the descriptor are of the right form."""
    descriptor, settings = subject.descriptor, subject.trial.found.settings
    rules: list[tuple[str, Callable[[], bool], str]] = [
        (
            "name",
            lambda: _NAME.fullmatch(descriptor.name) is not None,
            "vendor or vendor:product, lower case",
        ),
        ("attributes", lambda: _is_set(descriptor.attributes, str), "a frozenset of names"),
        ("needs", lambda: _is_set(descriptor.needs, str), "a frozenset of names"),
        ("hosts", lambda: callable(descriptor.hosts), "a function of the settings"),
        (
            "hosts",
            lambda: isinstance(descriptor.hosts(settings), frozenset),
            "a function that returns a frozenset",
        ),
        ("timeout_seconds", lambda: callable(descriptor.timeout_seconds), "a function of the settings"),
        ("tls", lambda: callable(descriptor.tls), "a function of the settings"),
        (
            "jurisdictions",
            lambda: descriptor.jurisdictions is None or descriptor.jurisdictions <= JURISDICTIONS,
            "a frozenset of states, or None",
        ),
        ("idempotent", lambda: isinstance(descriptor.idempotent, bool), "True or False"),
        ("authenticates", lambda: isinstance(descriptor.authenticates, bool), "True or False"),
        ("needs_selfie", lambda: isinstance(descriptor.needs_selfie, bool), "True or False"),
        ("takes_selfie", lambda: isinstance(descriptor.takes_selfie, bool), "True or False"),
        (
            "company",
            lambda: bool(descriptor.company) or not descriptor.compares_selfies,
            "the name of who gets the selfie, which the person's consent has to state",
        ),
        (
            "continues",
            lambda: _is_set(descriptor.continues, type) and descriptor.continues <= {Again, Exchange, Leave},
            "a frozenset of Again, Exchange and Leave",
        ),
    ]
    for field, holds, form in rules:
        try:
            is_right = holds()
        except Exception as error:  # noqa: BLE001 - whatever a wrong descriptor raises
            yield f"{field} must be {form}; reading it raises {type(error).__name__}"
            return
        if not is_right:
            yield f"{field} must be {form}"
            return
    try:
        loaded = subject.trial.declared()
        policy, _part = loaded.policy(), loaded.browser_part
    except PluginError as error:
        yield str(error)
        return
    if bool(policy.hosts) is not subject.suite.calls_out:
        yield (
            "hosts is empty; a proofer that asks nobody says calls_out = False"
            if not policy.hosts
            else ("hosts names hosts, and the suite says calls_out = False")
        )


def _is_set(value: object, kind: type) -> bool:
    return isinstance(value, frozenset) and all(isinstance(item, kind) for item in value)


def contract_version(subject: Subject) -> Iterator[str]:
    """The contract version is one that this Proofing knows."""
    version: object = subject.descriptor.contract_version
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        yield "contract_version must be a number, such as 2"
    elif version > CONTRACT_VERSION:
        yield f"contract_version is {version}, and this Proofing knows {CONTRACT_VERSION}: update Proofing"


def imports_light(subject: Subject) -> Iterator[str]:
    """Registering imports no vendor library."""
    plugin = subject.trial.plugin
    if getattr(sys.modules.get(plugin), "__file__", None) is None:
        return
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", _LISTING.format(plugin=plugin, package=plugin.partition(".")[0])],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    if done.returncode:
        yield f"it does not import by itself: {done.stderr.strip().rpartition(chr(10))[2]}"
    elif heavy := done.stdout.split():
        yield f"it imports {', '.join(heavy)}; import these where the proofer is made"


def make_quiet(subject: Subject) -> Iterator[str]:
    """A proofer is made without a loop, a connection or a file."""
    settings = subject.trial.found.settings
    canary = Canary(extra=dict(secrets_of(settings)))
    with subject.trial.watched() as watch, ThreadPoolExecutor(1) as thread:
        try:
            made = thread.submit(subject.descriptor.make, settings, make_process()).result()
        except Exception as error:  # noqa: BLE001 - a factory may raise anything
            reason = "it needs a running event loop" if "event loop" in str(error) else ""
            yield f"make raises {type(error).__name__}{': ' if reason else ''}{reason}"
            return
        finally:
            if watch.network:
                yield "it connects, or looks up a host, when it is made"
            if watch.files:
                yield "it writes a file, or starts a process, when it is made"
    if leaks := canary.find_leaks(f"{made!r} {''.join(watch.lines)}"):
        yield f"the proofer prints or logs {', '.join(leaks)}"
    with subject.trial.watched():
        try:
            _ = subject.trial.loaded().proofer
        except PluginError as error:
            yield str(error)


def deadline_declared(subject: Subject) -> Iterator[str]:
    """The time limit is not longer than a job's."""
    try:
        seconds = float(subject.descriptor.timeout_seconds(subject.trial.found.settings))
    except Exception:  # noqa: BLE001 - another rule says so
        return
    if seconds > JOB_DEADLINE_SECONDS:
        yield f"timeout_seconds is {seconds:g}, and a job ends after {JOB_DEADLINE_SECONDS:g} s"


def settings_secret(subject: Subject) -> Iterator[str]:
    """Secret settings are `SecretStr`."""
    settings = subject.trial.found.settings
    if isinstance(settings, BaseModel):
        yield from (f"{name} is a plain text" for name in _plain_secrets(settings, ""))


def names_secret(name: str) -> bool:
    """Return whether a field called *name* holds a secret, such as ``api_key`` or ``accessToken``."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return bool(words) and words[-1].lower() in _SECRET_WORDS and not _PUBLIC.fullmatch(name)


def _plain_secrets(model: BaseModel, prefix: str) -> Iterator[str]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _plain_secrets(value, f"{prefix}{name}.")
        annotation = str(field.annotation)
        if (
            names_secret(name)
            and "Secret" not in annotation
            and ("str" in annotation or "bytes" in annotation)
        ):
            yield f"{prefix}{name}"


def examples_complete(subject: Subject) -> Iterator[str]:
    """There is a yes, a no, and whatever else the kit needs."""
    suite, examples = subject.suite, subject.examples
    outcomes = {example.comes_to for example in examples.values()}
    for outcome, word in ((Outcome.PASSED, "yes"), (Outcome.FAILED, "no")):
        if outcome not in outcomes:
            yield f"answers has no example of a {word} (Outcome.{outcome.name})"
    for name, example in examples.items():
        if example.responses is None and suite.calls_out:
            yield f"example {name!r} needs responses"
    for name, secret in secrets_of(subject.trial.found.settings):
        if len(secret) < MIN_SECRET:
            field = name.partition(".")[2]
            yield f"{field} of the section needs {MIN_SECRET} characters, or it cannot be found in a log"
    if unknown := sorted(set(suite.exemptions) - set(RULES)):
        yield f"exemptions names no rules: {', '.join(unknown)}"
    places = _places(subject)
    if unused := sorted(
        name for name in suite.open_places if not any(place.is_called(name) for place in places)
    ):
        yield f"open_places names places that no example has: {', '.join(unused)}"
    yield from _webhook_incomplete(suite, subject.descriptor.webhook)


def _webhook_incomplete(suite: ProoferSuite, webhook: str | None) -> Iterator[str]:
    """Yield what is missing to try a webhook."""
    if webhook is None:
        return
    if not suite.webhook_secrets:
        yield "a webhook needs webhook_secrets, the fields of the section that hold its secrets"
    elif not overrides(suite, "signed_event"):
        yield "a webhook needs signed_event"


def _places(subject: Subject) -> list[Place]:
    """Return all places of the examples."""
    bodies = [step.body for steps in subject.steps.values() for step in steps if step.body is not None]
    return [place for body in bodies for place in body.places()]


def overrides(suite: ProoferSuite, name: str) -> bool:
    """Return whether the author provides the method *name*."""
    return getattr(type(suite), name) is not getattr(ProoferSuite, name)


def secrets_of(value: Any, name: str = "secret") -> Iterator[tuple[str, str]]:
    """Yield name and value of every secret in *value*, however deep."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, SecretStr):
        yield name, value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield name, value.get_secret_value().decode("latin-1")
    elif isinstance(value, BaseModel):
        items = value
    elif isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    for key, item in items:
        yield from secrets_of(item, f"{name}.{key}")


CHECKS: Mapping[str, CheckRule] = {
    "plugin-loads": plugin_loads,
    "descriptor-form": descriptor_form,
    "contract-version": contract_version,
    "imports-light": imports_light,
    "make-quiet": make_quiet,
    "deadline-declared": deadline_declared,
    "settings-secret": settings_secret,
    "examples-complete": examples_complete,
}
