"""The first boot of hosts: their scripts run here, with a player for each command that changes a machine."""

import base64
import json
import re
import shlex
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

ROOT = Path(__file__).parents[2]
README = (ROOT / "terraform/README.md").read_text()
ROLES = ("migrate", "web", "worker")
PORTS = {"web": 9101, "worker": 9102}
GROUP = "proofing-production-group"
# RDS takes any printable character but / ' " @ and space.
PASSWORD = "a%2f:#?&[]$`\\{}~=+x"
METADATA = {
    "instance-id": "i-0123456789abcdef0",
    "tags/instance/aws:autoscaling:groupName": GROUP,
}
FOLDERS = (
    "etc/proofing",
    "etc/logrotate.d",
    "etc/squid",
    "etc/systemd/system",
    "opt/aws/amazon-cloudwatch-agent/etc",
    "opt/proofing/release",
    "opt/proofing/venv/bin",
    "srv/proofing",
    "usr/local/sbin",
)
COMMANDS = "aws chmod curl dnf install journalctl python3.11 rm sleep systemctl tar useradd".split()
#: Notes each command, then answers by the first case that fits: one line after the other, the last
#: one repeatedly. In bash without other programs, since a boot has hundreds of commands.
PLAYER = """\
#!/bin/bash
here={here}
set -- "${{0##*/}}" "$@"
printf -v line '%s\\x1f' "$@" "${{PROOFING_POSTGRES__DSN-}}"
# One write: the commands of a pipeline run at the same time.
printf '%s\\x1e' "$line" >>"$here/calls"
[ "$1 ${{2-}}" != "python3.11 -c" ] || exec {python} "${{@:2}}"
case "$*" in
{cases}
*) exit 0 ;;
esac
turn=0
[ ! -e "$here/turn-$number" ] || read -r turn <"$here/turn-$number"
echo $((turn + 1)) >"$here/turn-$number"
mapfile -t answers <"$here/answers-$number"
[ "$turn" -lt "${{#answers[@]}}" ] || turn=$((${{#answers[@]}} - 1))
[ "${{answers[turn]}}" != FAIL ] || exit 22
printf '%s\\n' "${{answers[turn]}}"
"""


class Machine:
    """A folder that scripts take for the root of a host, and what they did there."""

    def __init__(self, folder, answers=()):
        self.folder = folder
        self._commands = folder / "commands"
        self._commands.mkdir()
        for name in FOLDERS:
            (folder / name).mkdir(parents=True)
        secret = {"username": "proofing_owner", "password": PASSWORD}
        known = [
            *answers,
            *(["curl", f"meta-data/{name}", text] for name, text in METADATA.items()),
            ["curl", "/latest/api/token", "token"],
            ["aws secretsmanager get-secret-value", "", json.dumps(secret)],
        ]
        cases = []
        for number, (beginning, part, answer) in enumerate(known):
            lines = [
                "FAIL" if one is None else one for one in (answer if isinstance(answer, list) else [answer])
            ]
            (self._commands / f"answers-{number}").write_text("\n".join(lines) + "\n")
            cases.append(f"{shlex.quote(beginning)}*{shlex.quote(part)}*) number={number} ;;")
        python = shlex.quote(sys.executable)
        player = PLAYER.format(here=shlex.quote(str(self._commands)), python=python, cases="\n".join(cases))
        absolute = [folder / "opt/proofing/venv/bin" / name for name in ("pip", "python")]
        for path in [*(self._commands / name for name in COMMANDS), *absolute]:
            path.write_text(player)
            path.chmod(0o755)

    def run(self, script):
        """Run *script*, which must end by itself, and return its exit code."""
        moved = re.sub(r"(?<![\w.}])/(?=(?:etc|opt|srv|usr/local)/)", f"{self.folder}/", script)
        environment = {"PATH": f"{self._commands}:/usr/bin:/bin"}
        run = subprocess.run(
            ["bash"], input=moved, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        self.output = run.stdout + run.stderr
        return run.returncode

    def _noted(self, beginning):
        """Yield the words of each call that begins like this, and the DSN that it had in its environment."""
        for line in (self._commands / "calls").read_text().split("\x1e")[:-1]:
            *words, dsn, _end = line.split("\x1f")
            if words[: len(beginning)] == list(beginning):
                yield words, dsn

    def calls(self, *beginning):
        """Return the words of each call that begins like this, in order."""
        return [words for words, _dsn in self._noted(beginning)]

    def dsn_of(self, *beginning):
        """Return the DSN that the first such call had in its environment."""
        return next(dsn for _words, dsn in self._noted(beginning))

    def results(self):
        """Return what the launch hook was answered, with the group that was named."""
        answered = self.calls("aws", "autoscaling", "complete-lifecycle-action")
        return [(option(words, "lifecycle-action-result"), group_of(words)) for words in answered]


def option(words, name):
    """Return the value of an option."""
    return words[words.index(f"--{name}") + 1]


def group_of(words):
    """Return which group is meant."""
    return option(words, "auto-scaling-group-name")


@pytest.fixture
def boot(state, tmp_path):
    """Return what runs the first boot of a role's host."""

    def run(role, *answers):
        machine = Machine(tmp_path, answers)
        machine.code = machine.run(user_data(state, role))
        return machine

    return run


def user_data(state, role):
    """Return the script of the first boot."""
    return base64.b64decode(state[f'aws_launch_template.host["{role}"]']["user_data"]).decode()


def readyz(answer):
    """Answer the probe of readiness; None is a failure, a list one after the other, the last repeatedly."""
    return ["curl", "/readyz", answer]


@pytest.mark.parametrize("role", ROLES)
def test_a_host_that_works_is_in_service(boot, role):
    """Its group, as the instance's metadata name it, is answered once."""
    host = boot(role)
    assert host.code == 0, host.output
    assert host.results() == [("CONTINUE", GROUP)]


@pytest.mark.parametrize("role", ["web", "worker"])
@pytest.mark.parametrize(
    "answers",
    [None, ["{}", "{}", None], [*["{}", "{}", None] * 30, None]],
    ids=["never ready", "ends soon", "ends again and again"],
)
def test_a_process_that_does_not_stay_ready_is_never_in_service(boot, role, answers):
    """Systemd has started it; that is not enough, or a refresh would replace all by dead ones."""
    host = boot(role, readyz(answers))
    assert host.code != 0
    assert host.results() == [("ABANDON", GROUP)]
    asked = {words[-1] for words in host.calls("curl") if "/readyz" in words[-1]}
    assert asked == {f"http://127.0.0.1:{PORTS[role]}/readyz"}
    assert host.calls("journalctl")[0][-1] == f"proofing-{role}"


@pytest.mark.parametrize("role", ["web", "worker"])
def test_a_slow_start_is_waited_for(boot, role):
    """As long as it stays ready afterward."""
    assert boot(role, readyz([*[None] * 20, "{}"])).results() == [("CONTINUE", GROUP)]


@pytest.mark.parametrize(
    ("role", "beginning"),
    [
        ("worker", "dnf install"),
        ("web", "aws s3 cp"),
        ("worker", "aws s3api get-object"),
        ("web", "pip install"),
        ("migrate", "aws secretsmanager"),
        ("migrate", "systemctl start proofing-migrate"),
        ("migrate", "python -"),
    ],
)
def test_a_step_that_fails_abandons_the_launch(boot, role, beginning):
    """Once, and with the group's name."""
    host = boot(role, [beginning, "", None])
    assert host.code != 0
    assert host.results() == [("ABANDON", GROUP)]


def test_migrate_logs_in_with_the_password_of_this_moment(boot, state):
    """From the secret that RDS rotates, whatever characters it has; in a file that the script deletes."""
    host = boot("migrate")
    (read,) = host.calls("aws", "secretsmanager", "get-secret-value")
    database = state["aws_db_instance.main"]
    assert option(read, "secret-id") == database["master_user_secret"][0]["secret_arn"]
    login = conninfo_to_dict(host.dsn_of("python", "-"))
    assert (login["user"], login["password"]) == ("proofing_owner", PASSWORD)
    assert (login["host"], login["dbname"]) == (database["address"], "proofing")
    assert login["sslmode"] == "verify-full"
    assert login["sslrootcert"].endswith("/opt/proofing/release/rds-ca.pem")
    file = host.folder / "etc/proofing/migrate.environment"
    # What systemd reads for the unit is the same.
    (name, value) = file.read_text().strip().split("=", 1)
    assert (name, value) == ("PROOFING_POSTGRES__DSN", f"'{host.dsn_of('python', '-')}'")
    assert file.stat().st_mode & 0o077 == 0
    assert host.calls("rm")[-1] == ["rm", str(file)]
    assert PASSWORD not in host.output
    assert urllib.parse.quote(PASSWORD, safe="") not in host.output


@pytest.mark.parametrize("role", ["web", "worker", "proxy"])
def test_no_other_host_reads_that_password(boot, role):
    """Neither has the right to."""
    assert boot(role).calls("aws", "secretsmanager") == []


@pytest.mark.parametrize("role", ROLES)
def test_settings_are_the_version_of_the_launch_template(boot, state, role):
    """An edit leaves this version, and the hosts of the template before find theirs."""
    (fetched,) = boot(role).calls("aws", "s3api", "get-object")
    settings = state["aws_s3_object.settings"]
    assert option(fetched, "bucket") == "proofing-production-artifacts-123456789012"
    assert option(fetched, "key") == settings["key"] == "settings/settings.yaml"
    assert option(fetched, "version-id") == settings["version_id"]
    assert state['aws_s3_bucket_versioning.main["artifacts"]']["versioning_configuration"][0]["status"] == (
        "Enabled"
    )


@pytest.mark.parametrize("role", [*ROLES, "proxy"])
def test_every_unit_is_there_after_a_reboot(boot, role):
    """The first boot is the only one at which the script runs. Migrations run once."""
    host = boot(role)
    begun, enabled = set(), set()
    for words in host.calls("systemctl"):
        units = {word for word in words[2:] if not word.startswith("-")}
        begun |= units if words[1] in {"start", "restart"} or "--now" in words else set()
        enabled |= units if words[1] == "enable" else set()
    assert begun - enabled == ({"proofing-migrate"} if role == "migrate" else set())
    assert begun >= {"amazon-cloudwatch-agent"}


@pytest.mark.parametrize("role", [*ROLES, "proxy"])
def test_the_agent_sends_what_the_first_boot_printed(boot, role):
    """A host that gave up is gone before anybody could look."""
    host = boot(role)
    file = host.folder / "opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json"
    files = json.loads(file.read_text())["logs"]["logs_collected"]["files"]["collect_list"]
    assert "/var/log/cloud-init-output.log" in {one["file_path"] for one in files}
    assert len({one["log_stream_name"] for one in files}) == len(files) == 2
    started = host.calls().index(["systemctl", "restart", *host.calls("systemctl", "restart")[0][2:]])
    assert "amazon-cloudwatch-agent" in host.calls()[started]
    assert {words[0] for words in host.calls()[:started]} <= {"dnf", "systemctl"}


@pytest.mark.parametrize("role", ["web", "worker"])
def test_probes_are_asked_on_the_port_of_the_role(boot, role):
    """As in the example of settings: the pages of the runbook name these ports."""
    host = boot(role)
    scraped = (host.folder / "opt/aws/amazon-cloudwatch-agent/etc/prometheus.yaml").read_text()
    assert re.findall(r"127\.0\.0\.1:(\d+)", scraped) == [str(PORTS[role])]
    variables = (host.folder / "etc/proofing/environment").read_text()
    assert f"PROOFING_{role.upper()}_PROBE_PORT='{PORTS[role]}'" in variables
    example = yaml.safe_load((ROOT / "deploy/settings.production.yaml").read_text())["default"]
    assert example[f"{role}_probe_port"] == PORTS[role]


def test_the_release_has_what_hosts_install(boot):
    """The command of the README downloads the extras that the first boot asks for; it has no index."""
    (installed,) = boot("worker").calls("pip", "install")
    assert "--no-index" in installed
    asked = installed[-1].removeprefix("proofing")
    assert f".whl{asked}'" in README
    assert "opentelemetry" in asked


def lifecycle(state, role):
    """Return the script that drains."""
    parts = re.findall(r"<<'END'\n(.*?)\nEND\n", user_data(state, role), re.DOTALL)
    (script,) = (part for part in parts if "target-lifecycle-state" in part)
    return script


def target_state(healthy_rounds):
    """Answer that the host may stay, so often, then that it must go."""
    return ["curl", "target-lifecycle-state", [*["InService"] * healthy_rounds, "Terminated"]]


@pytest.mark.parametrize("role", ["web", "worker"])
def test_a_host_that_must_go_stops_its_unit_and_then_answers(state, tmp_path, role):
    """In this order, for the group that the metadata name."""
    machine = Machine(tmp_path, [target_state(3), ["curl", "/healthz", "{}"]])
    assert machine.run(lifecycle(state, role)) == 0, machine.output
    done = [words for words in machine.calls() if words[0] in {"aws", "systemctl"}]
    assert [words[0] for words in done] == ["systemctl", "aws"]
    assert done[0][1:] == ["stop", f"proofing-{role}"]
    assert option(done[1], "lifecycle-hook-name") == "drain"
    assert group_of(done[1]) == GROUP


def test_a_worker_that_does_not_answer_is_replaced(state, tmp_path):
    """It reports its host, again after a while; no balancer would."""
    machine = Machine(tmp_path, [target_state(65), ["curl", "/healthz", None]])
    assert machine.run(lifecycle(state, "worker")) == 0, machine.output
    reported = machine.calls("aws", "autoscaling", "set-instance-health")
    assert [option(words, "health-status") for words in reported] == ["Unhealthy", "Unhealthy"]
    assert {option(words, "instance-id") for words in reported} == {METADATA["instance-id"]}


def test_a_worker_that_restarts_is_kept(state, tmp_path):
    """A minute without an answer is a restart; the count begins again with each answer."""
    answers = [*[*[None] * 12, "{}"] * 8, "{}"]
    machine = Machine(tmp_path, [target_state(110), ["curl", "/healthz", answers]])
    assert machine.run(lifecycle(state, "worker")) == 0, machine.output
    assert machine.calls("aws", "autoscaling", "set-instance-health") == []
