"""Containerfile and compose file, read as text: no container can be built or run by these tests.

What the image runs is tried as processes under its variables, which may write no file at all.
"""

import json
import re
import resource
import shlex
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from scripts.dev import UV

from proofing.cli import _parser
from proofing.testing.processes import end_process, free_port, is_healthy, start_process
from proofing.testing.waiting import eventually

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/container"
ROLES = ("migrate", "web", "worker")
_SIGTERM = 15


def instructions():
    """Return instruction and text of each line of the Containerfile."""
    text = re.sub(r"^#.*\n", "", (FOLDER / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


CONTAINERFILE = instructions()
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())


def last(name):
    """Return the text of the last instruction *name*."""
    return [text for instruction, text in CONTAINERFILE if instruction == name][-1]


def variables():
    """Return the variables of the image."""
    return dict(word.split("=", 1) for word in shlex.split(last("ENV")))


def test_the_base_is_pinned_and_so_is_every_package():
    """An exact version, never `latest`; packages come from the lock, by hash, with the uv of the project."""
    assert re.fullmatch(
        r"PYTHON=docker\.io/library/python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", last("ARG")
    )
    assert {text.partition(" ")[0] for name, text in CONTAINERFILE if name == "FROM"} == {"${PYTHON}"}
    installs = [
        text for name, text in CONTAINERFILE if name == "RUN" and re.search(r"pip install|uv sync|apt", text)
    ]
    assert len(installs) == 2
    assert installs[0].endswith(f" {UV}")
    assert "uv sync --frozen " in installs[1]
    # The roles write no file; what is not compiled here is compiled at each start.
    assert " --compile-bytecode " in installs[1]
    # Of the shape of production, and what traces need.
    assert re.findall(r"--extra (\w+)", installs[1]) == ["aws", "opentelemetry", "postgres", "redis"]
    version = last("ARG").partition("python:")[2].partition("-")[0]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert tuple(map(int, version.split("."))) >= tuple(map(int, wanted.removeprefix(">=").split(".")))


def test_the_process_is_no_root_and_the_build_leaves_no_tools():
    """The last stage has a numeric user, gets one folder of the first, and runs no installer."""
    stage = [name for name, _text in CONTAINERFILE[::-1]]
    final = CONTAINERFILE[len(stage) - 1 - stage.index("FROM") :]
    assert last("USER") == "10001:10001"
    assert not any(re.search(r"\bpip\b|\bapt|\bcurl\b|\buv\b", text) for name, text in final if name == "RUN")
    copies = [text.split() for name, text in final if name == "COPY"]
    assert copies == [["--from=build", "/opt/proofing/venv", "/opt/proofing/venv"]]
    assert [name for name, _ in CONTAINERFILE if name == "ADD"] == []


def test_every_path_that_is_copied_exists_and_reaches_the_build():
    """The ignore file lets through what is copied, and nothing else."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    reached = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        word
        for name, text in CONTAINERFILE
        if name == "COPY" and "--from" not in text
        for word in text.split()[:-1]
    }
    assert "*" in ignored
    assert reached == copied
    assert all((ROOT / name).exists() for name in copied)


def test_commands_of_image_and_services_exist():
    """The entry point with each command parses."""
    assert json.loads(last("ENTRYPOINT")) == ["proofing"]
    for command in [json.loads(last("CMD")), *(COMPOSE["services"][role]["command"] for role in ROLES)]:
        _parser().parse_args(command)


def test_the_compose_file_keeps_the_published_schema():
    """The schema of compose-spec, as check-jsonschema distributes it."""
    schema = files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text()
    jsonschema.validate(COMPOSE, json.loads(schema))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**COMPOSE, "services": {"web": {"read_onyl": True}}}, json.loads(schema))


@pytest.mark.parametrize("role", ROLES)
def test_a_service_may_do_as_little_as_it_needs(role):
    """One image, read-only, no capabilities, no new privileges, no mounts of the host, bounded logs."""
    service = COMPOSE["services"][role]
    assert (
        service["image"]
        == "proofing:" + tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    )
    assert service["user"] == last("USER")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"pids_limit", "mem_limit"} <= service.keys()
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    forbidden = {"privileged", "cap_add", "volumes", "devices", "network_mode", "pid", "ipc", "secrets"}
    assert service.keys().isdisjoint(forbidden)
    for mount in service.get("tmpfs", []):
        assert {"noexec", "nosuid", "nodev"} <= set(mount.split(":")[1].split(","))
    context = (FOLDER / service["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / service["build"]["dockerfile"]).is_file()


def test_what_is_published_and_mounted():
    """One port on the loopback; the settings; the files exist."""
    assert set(COMPOSE["services"]) == set(ROLES)
    ports = {role: COMPOSE["services"][role].get("ports", []) for role in ROLES}
    assert ports == {"migrate": [], "web": [f"127.0.0.1:8000:{last('EXPOSE')}"], "worker": []}
    assert (FOLDER / COMPOSE["configs"]["settings"]["file"]).is_file()
    target = COMPOSE["services"]["web"]["configs"][0]["target"]
    assert target == variables()["PROOFING_SETTINGS"]


def test_photos_of_unfinished_forms_fit_into_tmp():
    """The web process refuses a form before its file system is full."""
    web = COMPOSE["services"]["web"]
    size = int(re.search(r"size=(\d+)m", web["tmpfs"][0])[1]) * 1024 * 1024
    assert int(web["environment"]["PROOFING_WEB_MAX_SPOOLED_BYTES"]) < size


@pytest.mark.parametrize("role", ["web", "worker"])
def test_a_drain_has_as_much_time_as_under_systemd(role):
    """One number for both."""
    unit = (ROOT / f"deploy/systemd/proofing-{role}.service").read_text()
    seconds = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1]
    assert COMPOSE["services"][role]["stop_grace_period"] == f"{seconds}s"


def test_what_becomes_of_wrong_settings_is_on_the_page():
    """No policy of Docker spares one exit code as the units do; the page says what to expect in its place."""
    policies = {COMPOSE["services"][role]["restart"] for role in ("web", "worker")}
    # `on-failure` would leave the roles down after a restart of the host.
    assert policies == {"unless-stopped"}
    assert "RestartPreventExitStatus=78" in (ROOT / "deploy/systemd/proofing-worker.service").read_text()
    page = (ROOT / "docs/howto/containers.md").read_text()
    assert re.search(r"exit code 78\b[^#]*`Restarting \(78\)`", page)


def test_nothing_in_the_files_is_secret():
    """No variable whose name or value looks like one."""
    named = {
        **variables(),
        **{k: v for role in ROLES for k, v in COMPOSE["services"][role]["environment"].items()},
    }
    for name, value in named.items():
        assert not re.search(
            r"PASSWORD|TOKEN|DSN|ACCESS_KEY|_KEY$|_URL$", name.replace("SECRET_OBJECT_KEY", "")
        ), name
        assert not re.search(r"://\S*@|[0-9a-f]{32}", str(value)), name


@pytest.fixture(scope="module")
def roles(example):
    """Web and worker as the image runs them, unable to write to any file; and how its health is asked."""
    port = free_port()
    url = f"http://localhost:{port}"
    probes = {"web": free_port(), "worker": free_port()}
    nobody = free_port()

    def forbid_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    def start(role, *words):
        image = {
            name: text for name, text in variables().items() if name not in {"PATH", "PROOFING_SETTINGS"}
        }
        image |= {f"PROOFING_{one.upper()}_PROBE_PORT": str(probe) for one, probe in probes.items()}
        environ = example.variables("staging", **image, PROOFING_PUBLIC_URL=url)
        # What it would measure could not be written either, and coverage.py would print that.
        environ.pop("COVERAGE_PROCESS_CONFIG", None)
        return start_process(
            [sys.executable, "-m", "proofing.cli", *words],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=forbid_files,
        )

    def ask_health(role):
        command = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
        # Inside of its container a role has the place for itself.
        ports = {
            variables()[f"PROOFING_{one.upper()}_PROBE_PORT"]: str(probes[one] if one == role else nobody)
            for one in probes
        }
        command = [re.sub("|".join(ports), lambda found: ports[found[0]], word) for word in command]
        return subprocess.run([sys.executable, *command[1:]], capture_output=True, check=False).returncode

    running = {"worker": start("worker", "worker"), "web": start("web", "web", "--port", str(port))}
    yield url, running, ask_health
    for process in running.values():
        end_process(process, _SIGTERM)
        process.stdout.close()


async def test_the_roles_write_no_file_and_log_to_standard_output(example, roles):
    """A whole proofing passes while every write to a file fails; health follows the process."""
    url, running, ask_health = roles
    await eventually(lambda: is_healthy(url), within_seconds=180)
    await eventually(lambda: ask_health("worker") == 0, within_seconds=180)
    assert ask_health("web") == 0
    smoke = example.run("staging", "smoke", "--url", url)
    assert smoke.returncode == 0, smoke.stdout + smoke.stderr
    for role, process in running.items():
        end_process(process, _SIGTERM, patience_seconds=60)
        assert process.returncode == 0
        assert ask_health(role) != 0
        events = [json.loads(line)["name"] for line in process.stdout.read().splitlines()]
        assert "started" in events
        assert not any("lost" in event or "restored" in event for event in events)
