"""One pair of probe ports: what the example settings open is what Prometheus scrapes and the pages ask."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SETTINGS = yaml.safe_load((ROOT / "deploy/settings.production.yaml").read_text())["default"]
WEB, WORKER = SETTINGS["web_probe_port"], SETTINGS["worker_probe_port"]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
_PORT = re.compile(r"(?<!\d)910\d(?!\d)")


def ports_of(text):
    """Return every number that can only be a probe port."""
    return {int(port) for port in _PORT.findall(text)}


def test_prometheus_scrapes_what_the_settings_open():
    """Both roles of one host, in this order."""
    text = (ROOT / "deploy/monitoring/prometheus.yml").read_text()
    (scraped,) = yaml.safe_load(text)["scrape_configs"]
    assert scraped["static_configs"] == [{"targets": [f"127.0.0.1:{WEB}", f"127.0.0.1:{WORKER}"]}]
    assert ports_of(text) == {WEB, WORKER}


def test_the_image_opens_the_same():
    """Each role has the port that it has on a server; the health check asks both."""
    text = (ROOT / "deploy/container/Containerfile").read_text().replace("\\\n", " ")
    (line,) = [line for line in text.splitlines() if line.startswith("ENV ")]
    variables = dict(word.split("=", 1) for word in shlex.split(line)[1:])
    assert variables["PROOFING_WEB_PROBE_PORT"] == str(WEB)
    assert variables["PROOFING_WORKER_PROBE_PORT"] == str(WORKER)
    assert ports_of(text.partition("HEALTHCHECK")[2]) == {WEB, WORKER}


def test_the_hosts_of_terraform_open_the_same():
    """What their first boot does with it is tried by tests/terraform/test_hosts.py."""
    text = (ROOT / "terraform/hosts.tf").read_text()
    assert f"probe_ports  = {{ web = {WEB}, worker = {WORKER} }}" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_asks_the_ports_that_are_open(page):
    """A command that asks a probe names the ports of both roles; a page that names no port asks none."""
    for line in page.read_text().splitlines():
        if named := ports_of(line):
            assert named == {WEB, WORKER}, line
        if re.match(r"curl\b.*localhost:\d+/(readyz|healthz|metrics)", line):
            assert named == {WEB, WORKER}, line


def test_pages_ask_probes():
    """The test above has something to judge."""
    asking = [page.stem for page in PAGES if f"curl -s localhost:{WEB}/" in page.read_text()]
    assert {"backend-down", "clock-skew", "jobs-waiting", "process-down", "settings-refused"} <= set(asking)
