"""The Helm chart, and what becomes of it with these values or those: by helm, or where there is none by chart_renderer, which
is made of the same template engine and function library."""

import copy
import json
import os
import shutil

import jsonschema
import yaml

from deployed import fails, must_run, path_of, text_of, yaml_of

CHART = path_of("helm", "onehop")
HERE = os.path.dirname(os.path.abspath(__file__))
RELEASE, NAMESPACE = "test", "somewhere"
# What the chart does not do without: a certificate, and files that say who clients are.
SECURE = {"tls": {"secretName": "certificate"}, "identity": {"secretName": "users"}}


def default_values():
    return yaml_of("helm", "onehop", "values.yaml")[0]


def validator():
    schema = json.loads(text_of("helm", "onehop", "values.schema.json"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def merged(defaults, given):
    """As helm does it: objects are merged, everything else is replaced."""
    out = copy.deepcopy(defaults)
    for name, value in given.items():
        both = isinstance(value, dict) and isinstance(out.get(name), dict)
        out[name] = merged(out[name], value) if both else copy.deepcopy(value)
    return out


class Chart:
    def __init__(self, folder):
        """`folder`: where the renderer is built, and kept for the next time."""
        self.helm = shutil.which("helm")
        self._renderer = os.path.join(folder, "render_chart")
        self.can_render = bool(self.helm) or self._built()

    def _built(self):
        if not shutil.which("go"):
            return False
        os.makedirs(os.path.dirname(self._renderer), exist_ok=True)
        environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                       "GOCACHE": self._renderer + ".cache"}
        # Another test may build and use it at the same time.
        mine = f"{self._renderer}.{os.getpid()}"
        must_run(["go", "build", "-o", mine, os.path.join(HERE, "chart_renderer", "render.go")], environment=environment)
        os.replace(mine, self._renderer)
        return True

    def render(self, **given):
        """Every object that the chart makes with these values over SECURE and its defaults: {kind: [object, …]}."""
        objects = {}
        for text in self._texts(must_run, given):
            for document in yaml.safe_load_all(text):
                if document:
                    objects.setdefault(document["kind"], []).append(document)
        return objects

    def one(self, kind, **given):
        found = self.render(**given)[kind]
        assert len(found) == 1, f"{len(found)} of {kind}"
        return found[0]

    def refuses(self, **given):
        """Fails unless the chart does not let itself be made with these values. Returns what is said then."""
        return self._texts(fails, given)

    def _texts(self, runner, given):
        given = merged(SECURE, given)
        if self.helm:
            return [runner([self.helm, "template", RELEASE, CHART, "--namespace", NAMESPACE, "--values", "-"],
                           input=json.dumps(given).encode())]
        values = merged(default_values(), given)
        validator().validate(values)
        out = runner([self._renderer, CHART, RELEASE, NAMESPACE], input=json.dumps(values).encode())
        if runner is fails:
            return [out]
        return [text for name, text in json.loads(out).items() if name != "NOTES.txt"]


def settings_file(objects):
    return objects["ConfigMap"][0]["data"]["onehopd.toml"]


# An example of RFC 8037.
KEYS = {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
PERMISSIONS = '[roles.client]\nallow.names = ["%p"]\n[principals]\n"*" = ["client"]\n'


def configuration_in(folder, objects, onehop):
    """The path of the chart's onehopd.toml, with the files that it names below `folder` instead of /etc/onehop."""
    path = os.path.join(folder, "onehopd.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(settings_file(objects).replace("/etc/onehop/", folder + "/"))
    for name in ("tls", "client-ca", "identity"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    certificate, key = (os.path.join(folder, "tls", name) for name in ("tls.crt", "tls.key"))
    must_run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
              "-subj", "/CN=onehop", "-keyout", key, "-out", certificate])
    shutil.copy(certificate, os.path.join(folder, "client-ca", "ca.crt"))
    users = must_run([onehop, "hash-secret", "--generate", "--user", "alice", "--secret-file", os.path.join(folder, "secret")])
    for name, text in (("users", users), ("keys.json", json.dumps(KEYS)), ("permissions.toml", PERMISSIONS)):
        with open(os.path.join(folder, "identity", name), "w", encoding="utf-8",
                  opener=lambda file, flags: os.open(file, flags, 0o640)) as file:
            file.write(text)
    return path
