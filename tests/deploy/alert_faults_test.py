"""Each alert on what a real broker exports while the real fault is there: the metrics before and after are recorded, and promtool
must find that the alert fires with its own `for`, and none before the fault. What the synthetic tests of promtool say that a
broker exports is compared with what it does export.

    alert_faults_test.py FOLDER-OF-PROGRAMS
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import yaml

from deployed import SECONDS_MAX, Lines, certificate_flags, must_run, needs, path_of, run, start, yaml_of
from exported import PEACE_STEPS, STEP_SECONDS, Watched, as_series

# Alerts whose fault is not made here, and why. onehop.rules.test.yml has them.
NOT_MADE = {
    "OnehopSlowRoute": "wants a broker that is slow with messages for minutes",
    "OnehopShardsBusy": "wants a broker that uses all of its processors for minutes",
    "OnehopCertificateExpiresSoon": "compares with the clock, which begins at 0 for promtool",
    "OnehopCertificateExpired": "compares with the clock, which begins at 0 for promtool",
    "OnehopBrokerDown": "is made in prometheus_test.py: nobody answers the scrape, so that there is nothing to record",
}


class Recording:
    """Two scrapes, the alerts that must fire, and whether the fault lasts or has happened once."""

    def __init__(self, before, after, *alerts, lasts=True):
        self.before, self.after, self.alerts, self.lasts = before, after, alerts, lasts


class Clients:
    """Programs of clients, ended with the test."""

    def __init__(self, programs, broker, folder):
        self._onehop, self._broker, self._folder = os.path.join(programs, "onehop"), broker, folder
        self._processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, *words, **keywords):
        keywords = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **keywords}
        self._processes.append(start([self._onehop, *words, "--server", self._broker.address], **keywords))
        return self._processes[-1]

    def listen(self, name, *flags):
        process = self._start("listen", name, *flags, stderr=subprocess.PIPE)
        Lines(process.stderr).wait_for(lambda line: line.startswith(f"listening as {name}"))
        return process

    def frozen(self, name):
        """A recipient that is connected and takes nothing."""
        self.listen(name).send_signal(signal.SIGSTOP)

    def away(self, name):
        """A recipient that has left its session behind."""
        process = self.listen(name, "--state", os.path.join(self._folder, name))
        process.kill()
        process.wait()

    def send(self, name, count, *flags, size=8):
        """In the background: it ends when every message has an outcome."""
        process = self._start("send", name, *flags, stdin=subprocess.PIPE)
        process.stdin.write((b"x" * size + b"\n") * count)
        process.stdin.close()
        return process

    def flood(self, name):
        """Messages without an end."""
        lines = start(["yes"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._processes.append(lines)
        self._start("send", name, "--quiet", stdin=lines.stdout)
        lines.stdout.close()


def connections_full(programs, folder, stack):
    broker = stack.enter_context(Watched(programs, "--connections-max", "4"))
    before = broker.scrape()
    for _ in range(4):
        connect(broker.address, stack)
    after = broker.scrape_when(lambda scrape: scrape["onehop_ready"] == 0, "a broker that is full")
    return [Recording(before, after, "OnehopConnectionsHigh", "OnehopNotReady")]


def connect(address, stack):
    host, port = address.split("://")[1].rsplit(":", 1)
    return stack.enter_context(socket.create_connection((host, int(port)), timeout=SECONDS_MAX))


def reload_refused(programs, folder, stack):
    config = os.path.join(folder, "onehopd.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("reload_on_change = true\n")
    broker = stack.enter_context(Watched(programs, "--config", config))
    before = broker.scrape()
    with open(config, "w", encoding="utf-8") as file:
        file.write("keepalive_ms = 'soon'\n")
    after = broker.scrape_when(lambda scrape: scrape["onehop_config_last_reload_successful"] == 0, "a refused reload")
    return [Recording(before, after, "OnehopReloadRefused")]


def drained_and_forgotten(programs, folder, stack):
    broker = stack.enter_context(Watched(programs))
    before = broker.scrape()
    broker.post("drain")
    after = broker.scrape_when(lambda scrape: scrape["onehop_draining"] == 1, "a drain")
    return [Recording(before, after, "OnehopDrainStuck")]


def memory_short(programs, folder, stack):
    """Frozen recipients are sent more than the cap lets them hold. Newcomers are refused, and then somebody is ended."""
    broker = stack.enter_context(Watched(programs, "--memory-bytes-max", str(2 << 20), "--queue-bytes-max", str(512 << 10),
                                         "--frame-bytes-max", str(64 << 10), "--shards", "1"))
    clients = stack.enter_context(Clients(programs, broker, folder))
    names = [f"frozen{number}" for number in range(12)]
    for name in names:
        clients.frozen(name)
    before = broker.scrape()
    clients.send(",".join(names), 500, size=1000)
    refusing = broker.scrape_when(lambda scrape: scrape["onehop_memory_stage"] >= 1
                                  and scrape.sum("onehop_messages_total", reason="BROKER_BUSY") > 0, "refusals")

    def newcomer_refused(scrape):
        # It is refused while memory is short, which ends and begins again.
        run([os.path.join(programs, "onehop"), "ping", "--count", "1", "--timeout", "1", "--server", broker.address])
        return scrape["onehop_connects_refused_full_total"] > 0
    full = broker.scrape_when(newcomer_refused, "a refused newcomer")
    ended = broker.scrape_when(lambda scrape: scrape["onehop_memory_ended_total"] > 0, "an end for want of memory")
    return [Recording(before, refusing, "OnehopMemoryHigh", "OnehopMemoryRefusing", lasts=False),
            Recording(before, full, "OnehopNoRoomForClients"),
            Recording(before, ended, "OnehopMemoryEnding", lasts=False)]


def messages_lost(programs, folder, stack):
    broker = stack.enter_context(Watched(programs))
    clients = stack.enter_context(Clients(programs, broker, folder))
    clients.away("carol")
    before = broker.scrape()
    clients.send("carol", 200)
    broker.scrape_when(lambda scrape: scrape["onehop_messages_admitted_total"] == 200, "all messages for carol")
    broker.post("kick?name=carol")
    after = broker.scrape_when(lambda scrape: scrape.sum("onehop_messages_total", outcome="LOST") == 200, "the loss")
    return [Recording(before, after, "OnehopMessagesLost", lasts=False)]


def messages_expired(programs, folder, stack):
    broker = stack.enter_context(Watched(programs))
    clients = stack.enter_context(Clients(programs, broker, folder))
    clients.away("carol")
    before = broker.scrape()
    clients.send("carol", 100, "--ttl", "0.1")
    after = broker.scrape_when(lambda scrape: scrape.sum("onehop_messages_total", outcome="EXPIRED") == 100, "the end of a ttl")
    return [Recording(before, after, "OnehopMessagesExpired", lasts=False)]


def nobody_has_the_name(programs, folder, stack):
    broker = stack.enter_context(Watched(programs))
    clients = stack.enter_context(Clients(programs, broker, folder))
    before = broker.scrape()
    # One message for each: what a client sends to a name after it has learned that nobody has it, it does not send at all.
    clients.send(",".join(f"nobody{number}" for number in range(200)), 1, "--patience", "0")
    after = broker.scrape_when(lambda scrape: scrape.sum("onehop_messages_total", reason="UNKNOWN_CLIENT") == 200, "refusals")
    return [Recording(before, after, "OnehopRefusalsHigh")]


def slow_recipient(programs, folder, stack):
    """What waits for bob is above three quarters of his queue when fourteen others send to him."""
    broker = stack.enter_context(Watched(programs, "--queue-bytes-max", str(1 << 20), "--frame-bytes-max", "65536",
                                         "--pause-lease-ms", "600000"))
    clients = stack.enter_context(Clients(programs, broker, folder))
    clients.away("bob")
    before = broker.scrape()
    clients.send("bob", 850, size=1000)
    broker.scrape_when(lambda scrape: scrape["onehop_paused_senders"] == 1, "a queue that is nearly full")
    for _ in range(14):
        clients.send("bob", 1)
    after = broker.scrape_when(lambda scrape: scrape["onehop_paused_senders"] > 10, "paused senders")
    return [Recording(before, after, "OnehopPausedSenders")]


def strangers(programs, folder, stack):
    """Connections that are none of a client's: bytes without sense, more than one address may have, no PROXY header."""
    broker = stack.enter_context(Watched(programs, "--listen-proxy", "tcp://127.0.0.1:0", "--proxy-from", "127.0.0.1",
                                         "--address-connections-max", "30"))
    proxied = broker.output.wait_for_count(lambda line: line.startswith("listening on "), 2).split()[-1]
    before = broker.scrape()
    for address in (broker.address, proxied):
        for _ in range(20):
            connect(address, stack).sendall(b"GET / HTTP/1.1\r\n\r\n")
    broker.scrape_when(lambda scrape: scrape["onehop_proxy_refusals_total"] >= 20, "refusals for want of a PROXY header")
    for _ in range(60):
        connect(broker.address, stack)
    after = broker.scrape_when(lambda scrape: scrape["onehop_connects_refused_total"] >= 20
                               and scrape["onehop_address_refusals_total"] >= 20, "refused strangers")
    return [Recording(before, after, "OnehopConnectsRefused", "OnehopAddressRefusals", "OnehopProxyRefusals")]


def two_own_a_name(programs, folder, stack):
    broker = stack.enter_context(Watched(programs))
    clients = stack.enter_context(Clients(programs, broker, folder))
    before = broker.scrape()
    for _ in range(4):
        clients.listen("dave", "--take-over")
    after = broker.scrape_when(lambda scrape: scrape["onehop_takeovers_total"] >= 3, "takeovers")
    return [Recording(before, after, "OnehopTakeovers")]


def stalled(programs, folder, stack):
    """The broker is stopped again and again while it is busy, until it has been stopped in the middle of its work. A loop
    that waits for events does not lag."""
    broker = stack.enter_context(Watched(programs, "--shards", "2"))
    clients = stack.enter_context(Clients(programs, broker, folder))
    clients.listen("bob")
    before = broker.scrape()
    clients.flood("bob")

    def lags(scrape):
        broker.process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)  # This is the fault.
        broker.process.send_signal(signal.SIGCONT)
        return any(scrape.sum("onehop_loop_lag_seconds", shard=shard) > 0.1 for shard in (0, 1))
    return [Recording(before, broker.scrape_when(lags, "lag of the loops"), "OnehopLoopLag")]


def certificates(programs, folder, stack):
    """No fault: a broker with TLS, for the series that only such a one exports."""
    broker = stack.enter_context(Watched(programs, *certificate_flags(folder)))
    scrape = broker.scrape()
    return [Recording(scrape, scrape)]


FAULTS = (certificates, connections_full, reload_refused, drained_and_forgotten, memory_short, messages_lost, messages_expired,
          nobody_has_the_name, slow_recipient, strangers, two_own_a_name, stalled)


def restart_loop(programs):
    """Four brokers, one after the other: the series of their starts."""
    starts = []
    for _ in range(4):
        with Watched(programs) as broker:
            starts.append(broker.scrape()["process_start_time_seconds"])
            broker.stop()
    assert len(set(starts)) == 4, f"two starts are told as one: {starts}"
    rows = [f"{starts[0]!r}x{PEACE_STEPS - 1}"] + [f"{start!r}x3" for start in starts[1:]]
    series = [{"series": 'process_start_time_seconds{job="onehop",instance="b:7412"}', "values": " ".join(rows)},
              {"series": 'up{job="onehop",instance="b:7412"}', "values": "1x100"}]
    return promtool_test(series, [("OnehopRestartLoop", PEACE_STEPS + 10)])


def firing(alert):
    return f'count(count by (alertname) (ALERTS{{alertstate="firing",alertname=~"{alert}"}}))'


def promtool_test(series, wanted):
    """Peace until the fault, and then each of these alerts, at its step."""
    asked = [{"expr": firing(".*"), "eval_time": f"{(PEACE_STEPS - 1) * STEP_SECONDS}s", "exp_samples": []}]
    asked += [{"expr": firing(alert), "eval_time": f"{step * STEP_SECONDS}s", "exp_samples": [{"labels": "{}", "value": 1}]}
              for alert, step in wanted]
    return {"interval": f"{STEP_SECONDS}s", "input_series": series, "promql_expr_test": asked}


def as_promtool_test(recording):
    # What has happened once is to be seen in the next five minutes. What lasts outlasts the longest `for`.
    steps = PEACE_STEPS + (8 if not recording.lasts else 60)
    # A lasting state of memory is told as one that happened once; so that OnehopMemoryHigh has waited, too, ask later.
    late = {"OnehopMemoryHigh": PEACE_STEPS + 60}
    return promtool_test(as_series(recording.before, recording.after, recording.lasts),
                         [(alert, late.get(alert, steps)) for alert in recording.alerts])


def check_with_promtool(tests, folder):
    path = os.path.join(folder, "recorded.test.yml")
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump({"rule_files": [path_of("prometheus", "onehop.rules.yml")], "evaluation_interval": "15s",
                        "tests": tests}, file)
    must_run(["promtool", "test", "rules", path])


def check_synthetic(exported):
    """Each series of the hand-written tests is one that a broker exports."""
    def key(series):
        name, _, labels = series.partition("{")
        pairs = re.findall(r'(\w+)="([^"]*)"', labels)
        return name, frozenset(pair for pair in pairs if pair[0] not in ("job", "instance", "shard", "file"))
    known = {key(series) for series in exported} | {key("up")}
    bounds = {label for name, labels in known for label in labels if label[0] == "le"}
    assert len(bounds) > 5, bounds
    for file in ("onehop.rules.test.yml", "onehop.messages.test.yml"):
        for test in yaml_of("prometheus", file)[0]["tests"]:
            for series in test.get("input_series", []):
                assert key(series["series"]) in known, f"{file}: no broker exports {series['series']}"


def main(programs):
    needs("promtool")
    tests, exported, made = [restart_loop(programs)], set(), {"OnehopRestartLoop"}
    with tempfile.TemporaryDirectory() as folder:
        for fault in FAULTS:
            work = os.path.join(folder, fault.__name__)
            os.makedirs(work)
            with contextlib.ExitStack() as stack:
                for recording in fault(programs, work, stack):
                    tests.append(as_promtool_test(recording))
                    exported.update(recording.after.samples)
                    made.update(recording.alerts)
        check_with_promtool(tests, folder)
    check_synthetic(exported)
    names = {rule["alert"] for group in yaml_of("prometheus", "onehop.rules.yml")[0]["groups"]
             for rule in group["rules"] if "alert" in rule}
    assert made | set(NOT_MADE) == names, f"without a fault, or no alert: {made | set(NOT_MADE) ^ names}"
    print(f"alert_faults: {len(made)} alerts fire on what a broker exports under their fault, and not before it")


if __name__ == "__main__":
    main(sys.argv[1])
