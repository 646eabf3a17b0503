"""The example configuration is one that onehopd takes, and the compose file names what is there: files, settings, and
times that fit each other.

    config_test.py FOLDER-OF-PROGRAMS
"""

import ipaddress
import json
import os
import re
import sys
import tempfile

from deployed import fails, must_run, needs, path_of, text_of, yaml_of


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
        text = text.replace("allow_plaintext = false", "allow_plaintext = true")
        whole = os.path.join(folder, "onehopd.toml")
        with open(whole, "w", encoding="utf-8") as file:
            file.write(text)
        must_run([onehopd, "--config", whole, "--check-config"])
        with open(whole, "a", encoding="utf-8") as file:
            file.write("queue_byte_max = 1\n")
        complaint = fails([onehopd, "--config", whole, "--check-config"])
        assert "queue_byte_max" in complaint, complaint


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
            assert port.startswith("127.0.0.1:"), f"{name}: {port} is published beyond loopback, unencrypted"
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
    needs("haproxy")
    onehopd = os.path.join(programs, "onehopd")
    check_toml(onehopd)
    check_compose(onehopd)
    check_image_environment(onehopd)
    check_other_files()
    check_haproxy()
    print("config: onehopd.toml, compose.yaml, provisioning, haproxy.cfg")


if __name__ == "__main__":
    main(sys.argv[1])
