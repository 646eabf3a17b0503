"""Makes the reference of the public headers with Doxygen. Every warning is an error, so that whatever others can use is described.

    make.py FOLDER [HEADERS...]     writes index.html and the rest into FOLDER; HEADERS are folders of headers

Each type and each function has a comment, either of its own or one that is for all the lines that follow it without a blank line.
Variables and enumerations within a type may speak for themselves.
"""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HEADERS = ["packaging/include", "broker/include", "broker/tls/include", "broker/identity/include", "clients/message/include", "clients/cpp/include"]
UNDESCRIBED = re.compile(r"(.*):(\d+): .*Member .* \(([a-z ]+)\) of (\w+) .* is not documented\.")


def stands_among_others(path, number):
    """Whether the line goes on with what the line above declares."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    above = lines[number - 2].strip()
    return above != "" and not above.endswith(("{", ":"))


def is_allowed(warning):
    match = UNDESCRIBED.fullmatch(warning)
    if match is None:
        return False
    path, number, kind, owner = match.groups()
    if kind == "function":
        return stands_among_others(path, int(number))
    return owner in ("struct", "class") and kind in ("variable", "friend", "enumeration")


def warnings_of(folder, headers):
    """Makes the reference; returns what is wrong with the comments."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(HERE, "Doxyfile"), encoding="utf-8") as file:
        settings = file.read()
    places = " ".join(f'"{place}"' for place in headers)
    settings += f'INPUT = {places}\nSTRIP_FROM_PATH = {places}\nSTRIP_FROM_INC_PATH = {places}\nOUTPUT_DIRECTORY = "{folder}"\n'
    done = subprocess.run(["doxygen", "-"], input=settings, capture_output=True, text=True, cwd=ROOT, check=False)
    told = [line for line in (done.stdout + done.stderr).splitlines() if line]
    if done.returncode != 0:
        return told or [f"doxygen ended with {done.returncode}"]
    return [line for line in told if not is_allowed(line)]


def main(folder, *headers):
    wrong = warnings_of(os.path.abspath(folder), headers or HEADERS)
    if wrong:
        sys.exit("\n".join(wrong))
    assert os.path.exists(os.path.join(folder, "index.html")), "doxygen has written nothing"


if __name__ == "__main__":
    main(*sys.argv[1:])
