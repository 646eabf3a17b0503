"""The Helm chart: its values against the schema, every value that a template names, the balance of its actions, that what
it copies is alike, and what it makes of values (by helm or by chart_renderer; with helm: lint as well).

    chart_test.py FOLDER-OF-PROGRAMS
"""

import copy
import os
import re
import sys
import tempfile

from chart import CHART, Chart, configuration_in, default_values, settings_file, validator
from deployed import must_run, path_of, project_version, text_of, yaml_of

ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)


def templates():
    folder = os.path.join(CHART, "templates")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            yield name, file.read()


def actions_of(text):
    return [action for action in ACTION.findall(text) if not action.startswith("/*")]


def check_values():
    values, checker = default_values(), validator()
    checker.validate(values)
    # Every value that has a default has a place in the schema, so that a slip in a name is found.
    missing = set(values) - set(checker.schema["properties"])
    assert not missing, f"values.yaml has what values.schema.json has not: {missing}"

    def refused(change):
        wrong = copy.deepcopy(values)
        change(wrong)
        assert not checker.is_valid(wrong), f"the schema lets this pass: {wrong}"

    refused(lambda v: v.update(replicas=2))
    refused(lambda v: v.pop("tls"))
    refused(lambda v: v["tls"].update(clientCertificates="perhaps"))
    refused(lambda v: v["identity"].update(authentication=[]))
    refused(lambda v: v["config"].update(users_file="/elsewhere"))
    refused(lambda v: v["config"].update(listen="tcp://0.0.0.0:1"))
    refused(lambda v: v["drain"].update(deadlineSeconds="30"))
    refused(lambda v: v["drain"].update(deadlinSeconds=30))
    refused(lambda v: v["service"].update(type="ExternalName"))
    refused(lambda v: v["service"].update(loadBalancerSourceRanges=["10.0.0.1"]))
    refused(lambda v: v["networkPolicy"].update(adminFrom=["monitoring"]))
    refused(lambda v: v["networkPolicy"].update(adminFrom=[{}]))
    refused(lambda v: v["prometheusRule"].update(runbookUrl=""))
    refused(lambda v: v.pop("drain"))
    return values


def check_references(values):
    used = set()
    for name, text in templates():
        for action in actions_of(text):
            for path in re.findall(r"(?:^|[\s(])\$?\.Values\.([A-Za-z0-9_.]+)", action):
                place = values
                for part in path.split("."):
                    assert isinstance(place, dict) and part in place, f"{name}: .Values.{path} is not in values.yaml"
                    place = place[part]
                used.add(path.split(".")[0])
    assert used == set(values), f"values that no template uses: {set(values) - used}"


def check_structure():
    defined, included = set(), set()
    for name, text in templates():
        assert text.count("{{") == text.count("}}"), f"{name}: braces do not balance"
        open_blocks = []
        for action in actions_of(text):
            word = action.split()[0]
            if word in ("if", "with", "range", "define"):
                open_blocks.append(word)
            elif word == "end":
                assert open_blocks, f"{name}: an end of nothing"
                open_blocks.pop()
            elif word == "else":
                assert open_blocks and open_blocks[-1] != "define", f"{name}: an else of nothing"
            defined.update(re.findall(r'^define "([^"]+)"', action))
            included.update(re.findall(r'include "([^"]+)"', action))
        assert not open_blocks, f"{name}: not ended: {open_blocks}"
    assert included <= defined, f"not defined: {included - defined}"
    assert defined <= included, f"never included: {defined - included}"


def check_copies(onehopd):
    """What is copied is alike, and what is of one version says so."""
    assert text_of("helm", "onehop", "onehop.rules.yml") == text_of("prometheus", "onehop.rules.yml"), \
        "cp deploy/prometheus/onehop.rules.yml deploy/helm/onehop/"
    table = must_run([onehopd, "--print-reference"])
    live = re.findall(r"^\| `([a-z_]+)`.* \| changes \|", table, re.MULTILINE)
    assert text_of("helm", "onehop", "reloadable.txt").split() == live, f"reloadable.txt should be: {' '.join(live)}"
    chart = yaml_of("helm", "onehop", "Chart.yaml")[0]
    assert chart["appVersion"] == project_version(), f"the chart is of {chart['appVersion']}"


def everything():
    """Values under which each template makes all that it can."""
    return {
        "tls": {"clientCertificates": "required", "clientAuthoritySecretName": "authority"},
        "identity": {"authentication": ["certificate", "token", "users"], "tokenKeysKey": "keys.json",
                     "permissionsKey": "permissions.toml"},
        "proxyFrom": ["10.0.0.0/8"],
        "adminToken": {"secretName": "token"},
        "imagePullSecrets": [{"name": "pull"}],
        "config": {"queue_bytes_max": 8388608, "pin": False},
        "service": {"type": "LoadBalancer", "loadBalancerSourceRanges": ["192.0.2.0/24"], "annotations": {"a": "b"},
                    "externalTrafficPolicy": "Local"},
        "networkPolicy": {"clientsFrom": [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
                          "adminFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]},
        "serviceAccount": {"name": "account", "annotations": {"a": "b"}},
        "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "nodeSelector": {"disk": "none"},
        "tolerations": [{"key": "a", "operator": "Exists"}], "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "serviceMonitor": {"enabled": True, "labels": {"a": "b"}},
        "prometheusRule": {"enabled": True, "labels": {"a": "b"}, "runbookUrl": "https://wiki.example/onehop"},
    }


def container_of(deployment):
    return deployment["spec"]["template"]["spec"]["containers"][0]


def check_pod(chart, onehopd):
    deployment = chart.one("Deployment", **everything())
    spec, pod = deployment["spec"], deployment["spec"]["template"]["spec"]
    assert spec["replicas"] == 1 and spec["strategy"] == {"type": "Recreate"}
    assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    container = container_of(deployment)
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                            "capabilities": {"drop": ["ALL"]}}
    prestop = container["lifecycle"]["preStop"]["exec"]["command"]
    assert prestop[:4] == ["onehop", "drain", "--wait", "--timeout"]
    drain = default_values()["drain"]
    assert drain["deadlineSeconds"] < int(prestop[4]) < pod["terminationGracePeriodSeconds"], "killed while it drains"
    # Where no token is, preStop could not ask for the drain; SIGTERM begins it.
    assert "lifecycle" not in container_of(chart.one("Deployment"))
    # Every value of the chart's own makes a configuration that the broker takes.
    for given in ({}, everything()):
        objects = chart.render(**given)
        with tempfile.TemporaryDirectory() as folder:
            onehop = os.path.join(os.path.dirname(onehopd), "onehop")
            must_run([onehopd, "--config", configuration_in(folder, objects, onehop), "--check-config"])


def check_probes(chart):
    container = container_of(chart.one("Deployment"))
    ready, alive = container["readinessProbe"], container["livenessProbe"]
    assert ready["httpGet"] == {"path": "/readyz", "port": "admin", "scheme": "HTTPS"} and alive["httpGet"]["path"] == "/livez"
    for probe in (ready, alive):
        assert probe["failureThreshold"] >= 2, "one slow answer would count"

    def seconds(probe):
        return probe["periodSeconds"] * probe["failureThreshold"]
    assert seconds(alive) >= 5 * seconds(ready), "the pod would be killed soon after it is unready"
    assert default_values()["drain"]["delaySeconds"] > seconds(ready), "clients would be told before readiness has failed"


def check_who_may_connect(chart):
    policy = chart.one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"] and "egress" not in policy
    assert policy["ingress"] == [{"ports": [{"port": "onehop"}]}], "all may be clients, nobody may ask the admin port"
    given = everything()
    policy = chart.one("NetworkPolicy", **given)["spec"]
    assert policy["ingress"] == [
        {"ports": [{"port": "onehop"}], "from": given["networkPolicy"]["clientsFrom"]},
        {"ports": [{"port": "admin"}], "from": given["networkPolicy"]["adminFrom"]}]
    deployment = chart.one("Deployment", **given)
    assert policy["podSelector"]["matchLabels"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert {port["name"] for port in container_of(deployment)["ports"]} == {"onehop", "admin"}
    assert "NetworkPolicy" not in chart.render(networkPolicy={"enabled": False})
    service = next(one for one in chart.render(**given)["Service"] if one["spec"]["type"] == "LoadBalancer")
    assert service["spec"]["loadBalancerSourceRanges"] == ["192.0.2.0/24"]
    chart.refuses(service={"loadBalancerSourceRanges": ["192.0.2.0/24"]})
    assert "adminFrom" in chart.refuses(serviceMonitor={"enabled": True})[0]
    chart.refuses(drain={"delaySeconds": 30})


def check_secure(chart):
    """Without a certificate, and without files that say who clients are, the chart refuses until it is told to do without."""
    assert "insecure.plaintext" in chart.refuses(tls={"secretName": ""})[0]
    assert "insecure.everybody" in chart.refuses(identity={"secretName": ""})[0]
    assert "clientAuthoritySecretName" in chart.refuses(tls={"clientCertificates": "required"})[0]
    settings = settings_file(chart.render())
    for line in ('listen = ["tls://0.0.0.0:7411"]', 'admin = "tls://0.0.0.0:7412"', "allow_plaintext = false"):
        assert line in settings.splitlines(), f"{line} is not in {settings}"
    pod = chart.one("Deployment", **everything())["spec"]["template"]["spec"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container_of({"spec": {"template": {"spec": pod}}})["volumeMounts"]}
    assert {"tls", "client-ca", "identity"} <= set(mounted)
    for volume in pod["volumes"]:
        assert "secret" not in volume or volume["secret"]["defaultMode"] == 0o440, volume
    open_to_all = {"tls": {"secretName": ""}, "identity": {"secretName": ""}, "insecure": {"plaintext": True, "everybody": True}}
    container = container_of(chart.one("Deployment", **open_to_all))
    assert container["livenessProbe"]["httpGet"]["scheme"] == "HTTP"
    settings = settings_file(chart.render(**open_to_all))
    for line in ('listen = ["tcp://0.0.0.0:7411"]', "allow_plaintext = true"):
        assert line in settings.splitlines(), f"{line} is not in {settings}"
    assert "tls_" not in settings and "authentication" not in settings


def check_restarts(chart):
    """Another pod is made exactly when something has changed that a running broker cannot take over."""
    def pod(**given):
        return chart.one("Deployment", **given)["spec"]["template"]
    before = pod()
    for stays in ({"config": {"queue_bytes_max": 8388608}}, {"config": {"log_level": "warn"}},
                  {"drain": {"delaySeconds": 7}}, {"drain": {"spreadSeconds": 9}}):
        assert pod(**stays) == before, f"{stays} would replace the pod"
        assert settings_file(chart.render(**stays)) != settings_file(chart.render()), f"{stays} changes nothing"
    for replaced in ({"config": {"shards": 2}}, {"config": {"log_format": "text"}}, {"drain": {"deadlineSeconds": 31}},
                     {"proxyFrom": ["10.0.0.0/8"]}):
        assert pod(**replaced) != before, f"{replaced} would not reach the broker"
    assert pod(proxyFrom=["10.0.0.0/8"]) == pod(proxyFrom=["10.0.0.0/16"])
    mounts = container_of(chart.one("Deployment"))["volumeMounts"]
    assert all("subPath" not in mount for mount in mounts), "kubelet never updates what is mounted by subPath"
    assert "reload_on_change = true" in settings_file(chart.render())


def check_runbooks(chart):
    rules = [rule for group in chart.one("PrometheusRule", **everything())["spec"]["groups"] for rule in group["rules"]]
    for rule in rules:
        if "alert" in rule:
            wanted = "https://wiki.example/onehop#" + rule["alert"].lower()
            assert rule["annotations"]["runbook_url"] == wanted, rule


def main(programs):
    onehopd = os.path.join(programs, "onehopd")
    check_references(check_values())
    check_structure()
    check_copies(onehopd)
    chart = Chart(os.path.join(os.path.dirname(os.path.abspath(programs)), "chart"))
    if not chart.can_render:
        print("chart: values, references, structure. SKIPPED for want of helm or go: what it makes of its values")
        return
    if chart.helm:
        must_run([chart.helm, "lint", "--strict", CHART])
    check_pod(chart, onehopd)
    check_probes(chart)
    check_who_may_connect(chart)
    check_secure(chart)
    check_restarts(chart)
    check_runbooks(chart)
    print("chart: values, references, structure, and what it makes of them, by", "helm" if chart.helm else "chart_renderer")


if __name__ == "__main__":
    main(sys.argv[1])
