"""The example configuration is one that onehopd takes, and the compose file names what is there: files, settings, and
times that fit each other.

    config_test.py FOLDER-OF-PROGRAMS
"""

import ipaddress
import json
import os
import re
import subprocess
import sys
import tempfile

from deployed import SECONDS_MAX, Broker, Lines, fails, must_run, needs, path_of, start, text_of, yaml_of


def settings_of(onehopd):
    """Every setting and its value, as onehopd itself tells them."""
    return must_run([onehopd, "--print-config"])


def check_toml(onehopd):
    shipped = path_of("config", "onehopd.toml")
    must_run([onehopd, "--config", shipped, "--check-config"])
    # What is commented out is right as well, all of it together.
    text = re.sub(r"^#([a-z_]+ = )", r"\1", text_of("config", "onehopd.toml"), flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        token = os.path.join(folder, "token")
        with open(token, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write("0123456789abcdef0123456789abcdef\n")
        text = re.sub(r'^admin_token_file = .*$', f'admin_token_file = "{token}"', text, flags=re.MULTILINE)
        text = re.sub(r'^listen = \["tcp:.*$', "", text, flags=re.MULTILINE)
        trial = os.path.join(folder, "trial")
        make_trial(onehopd, trial)
        text = re.sub(r'"/etc/onehop/(broker.pem|broker.key|users|permissions.toml)"', rf'"{trial}/\1"', text)
        text = text.replace("allow_plaintext = false", "allow_plaintext = true")
        whole = os.path.join(folder, "onehopd.toml")
        with open(whole, "w", encoding="utf-8") as file:
            file.write(text)
        must_run([onehopd, "--config", whole, "--check-config"])
        with open(whole, "a", encoding="utf-8") as file:
            file.write("queue_byte_max = 1\n")
        complaint = fails([onehopd, "--config", whole, "--check-config"])
        assert "queue_byte_max" in complaint, complaint


def make_trial(onehopd, folder):
    must_run([path_of("trial"), folder, "localhost,127.0.0.1", "alice", "bob"],
             environment={"ONEHOP": os.path.join(os.path.dirname(onehopd), "onehop")})


def check_trial(onehopd):
    """What `trial` makes is a configuration under which one client reaches the other, and nobody else gets in."""
    onehop = os.path.join(os.path.dirname(onehopd), "onehop")
    with tempfile.TemporaryDirectory() as folder:
        make_trial(onehopd, folder)
        make_trial(onehopd, folder)
        with open(os.path.join(folder, "users"), encoding="utf-8") as file:
            assert len(file.read().splitlines()) == 2, "a second call has made secrets anew"
        configuration = os.path.join(folder, "onehopd.toml")
        with Broker(os.path.dirname(onehopd), "--config", configuration, listen="tls://127.0.0.1:0") as broker:
            address = "tls://localhost:" + broker.address.split(":")[2]
            believes = ["--server", address, "--tls-ca", os.path.join(folder, "ca.pem")]
            secret_of = {name: ["--token-file", os.path.join(folder, name + ".secret")] for name in ("alice", "bob")}
            bob = start([onehop, "listen", "bob", "--count", "1", *believes, *secret_of["bob"]], stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE)
            Lines(bob.stderr).wait_for(lambda line: line.startswith("listening as bob"))
            told = must_run([onehop, "send", "bob", "hello", "--name", "alice", *believes, *secret_of["alice"]])
            assert told.startswith("DELIVERED"), told
            assert bob.communicate(timeout=SECONDS_MAX)[0] == b"hello\n"
            assert "BAD_CREDENTIALS" in fails([onehop, "send", "bob", "hello", *believes])
            assert "NOT_AUTHORIZED" in fails([onehop, "send", "bob", "hello", "--name", "bob", *believes, *secret_of["alice"]])


def check_known(onehopd, where, names):
    known = settings_of(onehopd)
    for name in names:
        setting = name.removeprefix("ONEHOP_").lower()
        assert re.search(rf"\b{setting}\b", known), f"{where}: onehopd has no setting {setting}"


def check_compose(onehopd):
    compose = yaml_of("compose", "compose.yaml")[0]
    broker = compose["services"]["broker"]
    check_known(onehopd, "compose.yaml", broker["environment"])
    folder = path_of("compose")
    dockerfile = os.path.join(folder, broker["build"]["context"], broker["build"]["dockerfile"])
    assert os.path.isfile(dockerfile), dockerfile
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert os.path.exists(os.path.join(folder, source)), f"{name}: {source} is not there"
            assert volume.endswith(":ro"), f"{name}: {volume} may be written to"
        for port in service.get("ports", []):
            encrypted = name == "haproxy" and broker["environment"]["ONEHOP_LISTEN_PROXY"].startswith("tls://")
            assert encrypted or port.startswith("127.0.0.1:"), f"{name}: {port} is published beyond loopback, unencrypted"
    assert broker["read_only"] is True and broker["cap_drop"] == ["ALL"]
    subnet = compose["networks"]["onehop"]["ipam"]["config"][0]["subnet"]
    assert broker["environment"]["ONEHOP_PROXY_FROM"] == subnet, "HAProxy would not be believed"
    port = broker["environment"]["ONEHOP_LISTEN_PROXY"].rsplit(":", 1)[1]
    address = broker["networks"]["onehop"]["ipv4_address"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network(subnet)
    given = ipaddress.ip_network(compose["networks"]["onehop"]["ipam"]["config"][0]["ip_range"])
    assert ipaddress.ip_address(address) not in given, "another service might get the broker's address"
    assert compose["services"]["haproxy"]["environment"]["ONEHOP_BACKEND"] == f"{address}:{port}"
    assert int(broker["stop_grace_period"].removesuffix("s")) > 30, "it would be killed while it drains"
    targets = yaml_of("prometheus", "prometheus.yml")[0]["scrape_configs"][0]["static_configs"][0]["targets"]
    assert targets == ["broker:7412"]


def check_image_environment(onehopd):
    names = re.findall(r"\b(ONEHOP_[A-Z_]+)=", text_of("container", "Dockerfile"))
    assert names, "the Dockerfile sets nothing"
    check_known(onehopd, "Dockerfile", names)


def check_other_files():
    for parts in (("compose", "grafana", "provisioning", "datasources", "prometheus.yaml"),
                  ("compose", "grafana", "provisioning", "dashboards", "onehop.yaml")):
        assert yaml_of(*parts)[0]["apiVersion"] == 1
    source = yaml_of("compose", "grafana", "provisioning", "datasources", "prometheus.yaml")[0]["datasources"][0]
    variables = json.loads(text_of("grafana", "onehop.json"))["templating"]["list"]
    assert variables[0]["current"]["value"] == source["uid"], "the dashboard would ask another source"


def check_haproxy():
    must_run(["haproxy", "-c", "-f", path_of("haproxy", "haproxy.cfg")])


def main(programs):
    needs("haproxy", "openssl")
    onehopd = os.path.join(programs, "onehopd")
    check_toml(onehopd)
    check_trial(onehopd)
    check_compose(onehopd)
    check_image_environment(onehopd)
    check_other_files()
    check_haproxy()
    print("config: onehopd.toml, compose.yaml, provisioning, haproxy.cfg")


if __name__ == "__main__":
    main(sys.argv[1])
