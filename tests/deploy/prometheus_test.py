"""Alerts and dashboard against what they are for. promtool checks the rules, tries each alert, and a real Prometheus
scrapes a real broker that exchanges messages: every query of the rules and of the dashboard must parse and, unless it is
on the list below, find something. Each alert has its runbook.

    prometheus_test.py FOLDER-OF-PROGRAMS
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

from deployed import (ROOT, SECONDS_MAX, Broker, Lines, certificate_flags, must_run, needs, path_of, run, start, text_of,
                      yaml_of)

# Queries of the dashboard that find nothing while nothing is wrong, and why. By the title of their panel.
EMPTY_AT_PEACE = {
    "Starts": "marks a start of the broker, and it started before the first scrape",
}
# Alerts that find something whenever there is a broker: none. Their queries are empty at peace by their nature; that
# each of them fires when it should is shown by ALERT_TESTS.
ALERT_TESTS = ("onehop.rules.test.yml", "onehop.messages.test.yml")


def rules():
    for group in yaml_of("prometheus", "onehop.rules.yml")[0]["groups"]:
        yield from group["rules"]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


def check_with_promtool():
    must_run(["promtool", "check", "rules", path_of("prometheus", "onehop.rules.yml")])
    must_run(["promtool", "check", "config", path_of("prometheus", "prometheus.yml")])
    must_run(["promtool", "test", "rules"] + [path_of("prometheus", file) for file in ALERT_TESTS])
    tried = {name for file in ALERT_TESTS for name in re.findall(r'alertname="(\w+)"', text_of("prometheus", file))}
    names = {rule["alert"] for rule in alerts()}
    assert tried == names, f"alerts without a test, or tests without an alert: {tried ^ names}"


def check_runbooks():
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as file:
        text = file.read()
    sections = dict(re.findall(r"^### (Onehop\w+)\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL))
    for name, section in sections.items():
        assert re.search(r"^\* \*\*Means:\*\* ", section), f"{name}: what does it mean?"
        assert re.search(r"^\* \*\*Look", section, re.MULTILINE), f"{name}: where to look?"
        assert re.search(r"^\* \*\*(Look and do|Do)\b", section, re.MULTILINE), f"{name}: what to do?"
    headings = list(sections)
    names = [rule["alert"] for rule in alerts()]
    assert sorted(headings) == sorted(names), f"alerts and headings differ: {set(headings) ^ set(names)}"
    for rule in alerts():
        wanted = "{{ $externalLabels.onehop_runbook }}#" + rule["alert"].lower()
        assert rule["annotations"]["runbook_url"] == wanted, rule["alert"]


def panels_of(dashboard):
    """Title and query of everything that the dashboard asks."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["name"], annotation["expr"]


def check_layout(dashboard):
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)), "two panels have one id"
    taken = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"], f"{panel['title']} covers another"


def filled_in(query):
    """As Grafana would send it: with its variables replaced."""
    for variable, value in (("$job", "onehop"), ("$instance", ".*"), ("$__rate_interval", "1m")):
        query = query.replace(variable, value)
    assert "$" not in query, f"a variable that is not known here: {query}"
    return query


def rules_at_once(folder):
    """The shipped rules, but that no alert waits before it fires."""
    rules_now = yaml_of("prometheus", "onehop.rules.yml")[0]
    for group in rules_now["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    path = os.path.join(folder, "at_once.yml")
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(rules_now, file)
    return path


RUNBOOK = "https://wiki.example/onehop"  # As an operator would set it.


class Prometheus:
    """A Prometheus that scrapes one address every second, with the shipped rules; or with these, which do not wait."""

    def __init__(self, folder, target, at_once=False):
        config = yaml_of("prometheus", "prometheus.yml")[0]
        config["global"].update(scrape_interval="1s", evaluation_interval="1s")
        config["global"]["external_labels"]["onehop_runbook"] = RUNBOOK
        config["rule_files"] = [rules_at_once(folder) if at_once else path_of("prometheus", "onehop.rules.yml")]
        config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump(config, file)
        for attempt in range(5):
            self._port = free_port()
            self._process = start(
                ["prometheus", f"--config.file={path}", f"--web.listen-address=127.0.0.1:{self._port}",
                 f"--storage.tsdb.path={folder}/data{attempt}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self._log = Lines(self._process.stderr)
            try:
                self._log.wait_for(lambda line: "Server is ready to receive web requests" in line)
                return
            except AssertionError:
                if not any("address already in use" in line for line in self._log.now()):
                    raise
        raise AssertionError("no port for Prometheus in five attempts")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(SECONDS_MAX)

    def ask(self, path, **parameters):
        address = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=SECONDS_MAX) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def query(self, expression):
        return self.ask("query", query=expression)["result"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(true, what):
    deadline = time.monotonic() + SECONDS_MAX
    while not true():
        assert time.monotonic() < deadline, f"did not come: {what}"
        time.sleep(0.2)


def exchange(programs, address, count):
    """Some messages that arrive, and some that nobody takes."""
    onehop = os.path.join(programs, "onehop")
    listener = start([onehop, "listen", "bob", "--server", address, "--count", str(count)],
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        Lines(listener.stderr).wait_for(lambda line: line.startswith("listening as bob"))
        lines = "".join(f"{number}\n" for number in range(count)).encode()
        must_run([onehop, "send", "bob", "--server", address], input=lines)
        assert run([onehop, "send", "nobody", "hello", "--server", address])[0] == 1
        assert listener.wait(SECONDS_MAX) == 0
    finally:
        if listener.poll() is None:
            listener.kill()
            listener.wait()


def check_queries(prometheus, dashboard):
    asked = 0
    for title, query in panels_of(dashboard):
        found = prometheus.query(filled_in(query))
        if title in EMPTY_AT_PEACE:
            assert not found, f"{title} is on the list of what is empty, and is not: {query}"
        else:
            assert found, f"{title}: nothing found by {query}"
        asked += 1
    for rule in rules():
        prometheus.query(rule["expr"])
        asked += 1
        for metric in re.findall(r"\b((?:onehop|process)_[a-z_]+)\b", rule["expr"]):
            assert prometheus.query(f'{metric}{{job="onehop"}}'), f"{rule.get('alert', '')}: there is no {metric}"
    return asked


def check_evaluated(prometheus):
    """All rules evaluate without a complaint, and nothing is alarmed by a broker that does well."""
    for group in prometheus.ask("rules")["groups"]:
        for rule in group["rules"]:
            assert rule["health"] == "ok", rule
    wrong = prometheus.query('ALERTS{alertstate="firing"}')
    assert not wrong, wrong


def firing(prometheus):
    return {alert["metric"]["alertname"] for alert in prometheus.query('ALERTS{alertstate="firing"}')}


def check_links(prometheus):
    """Who is paged finds an address that a browser opens."""
    links = {alert["labels"]["alertname"]: alert["annotations"]["runbook_url"]
             for alert in prometheus.ask("alerts")["alerts"]}
    assert links and links == {name: f"{RUNBOOK}#{name.lower()}" for name in links}, links


def lose(programs, broker, admin, folder, count):
    """A recipient goes away for a while; what was sent to it meanwhile is lost, because an operator ends its session."""
    onehop = os.path.join(programs, "onehop")
    listener = start([onehop, "listen", "carol", "--server", broker.address, "--state", os.path.join(folder, "carol")],
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    Lines(listener.stderr).wait_for(lambda line: line.startswith("listening as carol"))
    listener.kill()
    listener.wait()
    sender = start([onehop, "send", "carol", "--server", broker.address], stdin=subprocess.PIPE,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sender.stdin.write("".join(f"{number}\n" for number in range(count)).encode())
    sender.stdin.close()

    def waiting():
        with urllib.request.urlopen(f"http://{admin}/api/v1/clients?name=carol", timeout=SECONDS_MAX) as answer:
            return sum(client["waiting_messages"] for client in json.load(answer)["clients"])
    wait_until(lambda: waiting() == count, "all messages for carol")
    urllib.request.urlopen(urllib.request.Request(f"http://{admin}/api/v1/kick?name=carol", method="POST"),
                           timeout=SECONDS_MAX).close()
    assert sender.wait(SECONDS_MAX) == 1


def check_real_faults(programs):
    """Four faults of a real broker, seen by a real Prometheus."""
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "onehopd.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("connections_max = 4\n")
        with Broker(programs, "--admin", "tcp://127.0.0.1:0", "--config", config) as broker:
            admin = broker.output.wait_for(lambda line: line.startswith("admin on tcp://")).split("tcp://")[1]
            with Prometheus(folder, admin, at_once=True) as prometheus:
                # Before the first scrape OnehopBrokerDown fires.
                wait_until(lambda: prometheus.query("onehop_ready == 1") and not firing(prometheus), "peace")
                lose(programs, broker, admin, folder, 200)
                wait_until(lambda: "OnehopMessagesLost" in firing(prometheus), "an alert of lost messages")
                with open(config, "w", encoding="utf-8") as file:
                    file.write("keepalive_ms = 'soon'\n")
                broker.process.send_signal(signal.SIGHUP)
                wait_until(lambda: "OnehopReloadRefused" in firing(prometheus), "an alert of a refused reload")
                host, port = broker.address.split("://")[1].rsplit(":", 1)
                with contextlib.ExitStack() as crowd:
                    for _ in range(4):
                        crowd.enter_context(socket.create_connection((host, int(port))))
                    wait_until(lambda: "OnehopConnectionsHigh" in firing(prometheus), "an alert of the connections")
                check_links(prometheus)
                broker.stop()
                wait_until(lambda: "OnehopBrokerDown" in firing(prometheus), "an alert of a broker that is gone")


def main(programs):
    needs("prometheus", "promtool")
    check_with_promtool()
    check_runbooks()
    dashboard = json.loads(text_of("grafana", "onehop.json"))
    check_layout(dashboard)
    with tempfile.TemporaryDirectory() as folder, \
            Broker(programs, "--admin", "tcp://127.0.0.1:0", *certificate_flags(folder)) as broker:
        admin = broker.output.wait_for(lambda line: line.startswith("admin on tcp://")).split("tcp://")[1]
        with Prometheus(folder, admin) as prometheus:
            # The first scrape with these messages is followed by one with more of them: rates want two.
            rejected = 'onehop_messages_total{outcome="REJECTED",reason="UNKNOWN_CLIENT"}'
            exchange(programs, broker.address, 200)
            wait_until(lambda: prometheus.query(f"{rejected} >= 1"), "a scrape with the first messages")
            exchange(programs, broker.address, 200)
            wait_until(lambda: prometheus.query(f"{rejected} >= 2"), "a scrape with the second ones")
            wait_until(lambda: all(rule["health"] == "ok" for group in prometheus.ask("rules")["groups"]
                                   for rule in group["rules"]), "an evaluation of every rule")
            asked = check_queries(prometheus, dashboard)
            check_evaluated(prometheus)
        broker.stop()
    check_real_faults(programs)
    print(f"prometheus: {len(alerts())} alerts tried, {asked} queries asked of a Prometheus that scrapes a broker")


if __name__ == "__main__":
    main(sys.argv[1])
