"""The systemd unit: systemd itself finds nothing wrong with it and rates its hardening, and it waits longer than the
broker's drain.

    unit_test.py FOLDER-OF-PROGRAMS
"""

import configparser
import os
import re
import sys
import tempfile

from deployed import must_run, needs, run, text_of

EXPOSURE_MAX = 2.0  # Of 10, by systemd's own count. It was 1.4 when this was written.


def installed(folder, programs):
    """The unit as it would be installed, but for where the programs are."""
    text = text_of("systemd", "onehopd.service")
    assert "/usr/local/bin/onehopd " in text
    path = os.path.join(folder, "onehopd.service")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("/usr/local/bin/", programs + "/"))
    return path


def check_verify(unit):
    # It looks at the machine's own units as well, and what it says of those is not about ours.
    told = must_run(["systemd-analyze", "verify", "--man=no", unit])
    complaints = [line for line in told.splitlines() if "onehopd" in line]
    assert not complaints, complaints


def check_security(unit):
    code, out, errors = run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit])
    out = out.decode("utf-8", "replace")
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", out)
    assert code == 0 and found, f"systemd-analyze security: {code}, {errors}"
    assert float(found[1]) <= EXPOSURE_MAX, out
    return found[1]


def check_settings():
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read_string(text_of("systemd", "onehopd.service"))
    service = parser["Service"]
    assert service["Type"] == "notify" and service["NotifyAccess"] == "main"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["DynamicUser"] == "yes" and service["ProtectSystem"] == "strict"
    assert parser["Unit"]["StartLimitIntervalSec"] == "0", "systemd would give up after a few starts"
    assert service["Restart"] == "on-failure" and service["RestartPreventExitStatus"] == "2"
    drain_ms = int(re.search(r"^stop_deadline_ms = (\d+)", text_of("config", "onehopd.toml"), re.MULTILINE)[1])
    assert int(service["TimeoutStopSec"].removesuffix("s")) * 1000 > drain_ms, "it would be killed while it drains"


def check_exit_code(programs):
    """A wrong configuration ends the broker with the code that RestartPreventExitStatus names."""
    assert run([os.path.join(programs, "onehopd"), "--shards", "many"])[0] == 2


def main(programs):
    needs("systemd-analyze")
    check_settings()
    check_exit_code(programs)
    with tempfile.TemporaryDirectory() as folder:
        unit = installed(folder, os.path.abspath(programs))
        check_verify(unit)
        print("unit: verified; exposure", check_security(unit))
    # The check is none if it lets anything pass.
    with tempfile.TemporaryDirectory() as folder:
        unit = installed(folder, os.path.join(folder, "nowhere"))
        assert run(["systemd-analyze", "verify", "--man=no", unit])[0] != 0, "verify lets a missing program pass"


if __name__ == "__main__":
    main(sys.argv[1])
