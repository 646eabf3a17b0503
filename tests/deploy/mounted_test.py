"""What the chart relies on: a broker whose configuration and token are mounted by Kubernetes takes over what is changed
there, with no signal and no restart. The folders are made and replaced the way kubelet does it.

    mounted_test.py FOLDER-OF-PROGRAMS
"""

import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request

from chart import Chart, settings_file
from deployed import SECONDS_MAX, Broker


class Mounted:
    """A folder of one file, as kubelet mounts a ConfigMap or a Secret: NAME → ..data/NAME, ..data → a folder with the
    content. An update makes another folder and renames a link to it over ..data; then the old folder goes."""

    def __init__(self, folder, name):
        self._folder, self._name, self._versions = folder, name, 0
        os.makedirs(folder)
        self.path = os.path.join(folder, name)
        os.symlink(os.path.join("..data", name), self.path)

    def put(self, text):
        self._versions += 1
        version = f"..version_{self._versions}"
        os.mkdir(os.path.join(self._folder, version))
        with open(os.path.join(self._folder, version, self._name), "w", encoding="utf-8",
                  opener=lambda path, flags: os.open(path, flags, 0o640)) as file:
            file.write(text)
        link = os.path.join(self._folder, "..data")
        old = os.readlink(link) if os.path.islink(link) else None
        os.symlink(version, link + "_tmp")
        os.rename(link + "_tmp", link)
        if old:
            os.remove(os.path.join(self._folder, old, self._name))
            os.rmdir(os.path.join(self._folder, old))


class Admin:
    """The admin port on an address that is not loopback, where the API wants the token."""

    def __init__(self, broker):
        line = broker.output.wait_for(lambda text: text.startswith("admin on tcp://"))
        self._port = line.rsplit(":", 1)[1]

    def get(self, path, token):
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}",
                                         headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=SECONDS_MAX) as answer:
            return answer.read().decode()

    def lets_in(self, token):
        try:
            self.get("/api/v1/counters", token)
            return True
        except urllib.error.HTTPError as error:
            assert error.code in (401, 403), error
            return False

    def setting(self, name, token):
        settings = json.loads(self.get("/api/v1/config", token))["settings"]
        return next(setting["value"] for setting in settings if setting["name"] == name)

    def metric(self, name):
        lines = self.get("/metrics", "").splitlines()
        return float(next(line for line in lines if line.startswith(name + " ")).split()[1])


def wait_until(true, what):
    deadline = time.monotonic() + SECONDS_MAX
    while not true():
        assert time.monotonic() < deadline, f"did not come: {what}"
        time.sleep(0.05)


def configurations(programs):
    """The chart's own onehopd.toml with these two limits of a queue, or one like it where the chart cannot be rendered."""
    chart = Chart(os.path.join(os.path.dirname(os.path.abspath(programs)), "chart"))
    for bytes_max in (8 << 20, 16 << 20):
        if chart.can_render:
            yield settings_file(chart.render(config={"queue_bytes_max": bytes_max}, tls={"secretName": ""}, identity={"secretName": ""},
                                             insecure={"plaintext": True, "everybody": True}))
        else:
            yield (f'listen = ["tcp://0.0.0.0:7411"]\nallow_plaintext = true\nadmin = "tcp://0.0.0.0:7412"\n'
                   f'reload_on_change = true\nqueue_bytes_max = {bytes_max}\n')


def main(programs):
    first, second = (text.replace(":7411", ":0").replace(":7412", ":0") for text in configurations(programs))
    old, new = "an-old-token-of-many-bytes", "a-new-token-of-many-bytes"
    with tempfile.TemporaryDirectory() as folder:
        config = Mounted(os.path.join(folder, "config"), "onehopd.toml")
        token = Mounted(os.path.join(folder, "secret"), "token")
        config.put(first)
        token.put(old)
        with Broker(programs, "--config", config.path, "--admin", "tcp://0.0.0.0:0",
                    "--admin-token-file", token.path) as broker:
            admin = Admin(broker)
            assert admin.setting("queue_bytes_max", old) == 8 << 20

            config.put(second)
            wait_until(lambda: admin.setting("queue_bytes_max", old) == 16 << 20, "the setting of the new ConfigMap")

            token.put(new)
            wait_until(lambda: admin.lets_in(new), "the token of the new Secret")
            assert not admin.lets_in(old)

            # What is wrong changes nothing, is told, and is no reason to look again and again.
            config.put(second.replace("16777216", "1"))
            wait_until(lambda: admin.metric("onehop_config_last_reload_successful") == 0, "a refused reload")
            assert admin.setting("queue_bytes_max", new) == 16 << 20
            config.put(first)
            wait_until(lambda: admin.metric("onehop_config_last_reload_successful") == 1, "a reload that succeeds")
            assert admin.setting("queue_bytes_max", new) == 8 << 20

            # It can be switched off in the same way.
            config.put(first.replace("reload_on_change = true", "reload_on_change = false"))
            wait_until(lambda: admin.setting("reload_on_change", new) is False, "the switch")
            log = broker.stop()
    events = [line["event"] for line in log]
    assert events.count("reload_refused") == 1, events
    print(f"mounted: {events.count('reloaded')} changes taken over by a running broker, one refused")


if __name__ == "__main__":
    main(sys.argv[1])
