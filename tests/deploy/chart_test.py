"""The Helm chart, as far as it can be checked where helm cannot be had: its values against the schema, every value that a
template names, the balance of its actions, and that what it copies is alike. With helm: lint and template as well.

    chart_test.py
"""

import copy
import os
import re
import shutil

import jsonschema
import json
import yaml

from deployed import fails, must_run, path_of, text_of, yaml_of

CHART = path_of("helm", "onehop")
ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)


def templates():
    folder = os.path.join(CHART, "templates")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            yield name, file.read()


def actions_of(text):
    return [action for action in ACTION.findall(text) if not action.startswith("/*")]


def check_values():
    values = yaml_of("helm", "onehop", "values.yaml")[0]
    schema = json.loads(text_of("helm", "onehop", "values.schema.json"))
    validator = jsonschema.Draft7Validator(schema)
    jsonschema.Draft7Validator.check_schema(schema)
    validator.validate(values)
    # Every value that has a default has a place in the schema, so that a slip in a name is found.
    missing = set(values) - set(schema["properties"])
    assert not missing, f"values.yaml has what values.schema.json has not: {missing}"

    def refused(change):
        wrong = copy.deepcopy(values)
        change(wrong)
        assert not validator.is_valid(wrong), f"the schema lets this pass: {wrong}"

    refused(lambda v: v.update(replicas=2))
    refused(lambda v: v["config"].update(listen="tcp://0.0.0.0:1"))
    refused(lambda v: v["drain"].update(deadlineSeconds="30"))
    refused(lambda v: v["drain"].update(deadlinSeconds=30))
    refused(lambda v: v["service"].update(type="ExternalName"))
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


def check_promises():
    """What operators rely on, word by word; whoever changes it should have to say so here too."""
    texts = dict(templates())
    for part in ("replicas: 1", "type: Recreate", "readOnlyRootFilesystem: true", "allowPrivilegeEscalation: false",
                 'drop: ["ALL"]', "runAsNonRoot: true", "type: RuntimeDefault", "automountServiceAccountToken: false",
                 "path: /livez", "path: /readyz", '["onehop", "drain", "--wait"'):
        assert part in texts["deployment.yaml"], f"deployment.yaml has no longer: {part}"
    grace = re.search(r"terminationGracePeriodSeconds: \{\{ add \.Values\.drain\.deadlineSeconds (\d+)",
                      texts["deployment.yaml"])
    wait = re.search(r'"--timeout", "\{\{ add \.Values\.drain\.deadlineSeconds (\d+)', texts["deployment.yaml"])
    assert int(grace[1]) > int(wait[1]), "the pod would be killed before preStop has waited for the drain"
    assert text_of("helm", "onehop", "onehop.rules.yml") == text_of("prometheus", "onehop.rules.yml"), \
        "cp deploy/prometheus/onehop.rules.yml deploy/helm/onehop/"
    chart = yaml_of("helm", "onehop", "Chart.yaml")[0]
    with open(os.path.join(path_of(".."), "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(onehop VERSION ([0-9.]+)", file.read())[1]
    assert chart["appVersion"] == version, f"the chart is of {chart['appVersion']}, the source of {version}"


def check_with_helm(helm):
    must_run([helm, "lint", "--strict", CHART])
    everything = ["--set", "proxyFrom={10.0.0.0/8}", "--set", "adminToken.secretName=token",
                  "--set", "serviceMonitor.enabled=true", "--set", "prometheusRule.enabled=true"]
    for flags in ([], everything):
        documents = list(yaml.safe_load_all(must_run([helm, "template", "test", CHART, *flags])))
        kinds = {document["kind"] for document in documents if document}
        assert {"Deployment", "Service", "ConfigMap", "ServiceAccount", "PodDisruptionBudget"} <= kinds, kinds
    fails([helm, "template", "test", CHART, "--set", "replicas=2"])
    fails([helm, "template", "test", CHART, "--set", "drain.delaySeconds=30"])


def main():
    check_references(check_values())
    check_structure()
    check_promises()
    helm = shutil.which("helm")
    if helm:
        check_with_helm(helm)
        print("chart: values, references, structure; helm lint and helm template")
    else:
        print("chart: values, references, structure. SKIPPED for want of helm: helm lint, helm template")


if __name__ == "__main__":
    main()
