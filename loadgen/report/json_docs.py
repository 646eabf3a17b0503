#!/usr/bin/env python3
"""Writes docs/loadgen-json.md from docs/loadgen-schema.json, which describes every key. With --check it only says whether
the file is up to date."""

import json
import os
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs")
SCHEMA, PAGE = (os.path.join(FOLDER, name) for name in ("loadgen-schema.json", "loadgen-json.md"))

HEAD = """# The files of onehop-loadgen

`onehop-loadgen --json FILE` writes one JSON object, and so do `onehop-loadgen merge` and `onehop-loadgen compare`. This page
lists every key. It is made from [loadgen-schema.json](loadgen-schema.json), a JSON Schema against which the tests validate
what the program writes; `loadgen/report/json_docs.py` makes it anew.

Three rules hold everywhere. A figure that was not measured is `null`, and never 0. What never came is counted (`infinite`),
and a percentile that falls among it is `null`. Each key has one type, beside `null` where the table says so.

Exit codes are what [capacity.md](capacity.md#exit-codes) says: 0 all was done, 1 something failed, 2 the command line is
wrong, 3 it cannot connect, 4 void, 130 interrupted. A run that ended with 2 or 3 writes no file.
"""


def type_of(schema):
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    if "allOf" in schema:
        name = schema["allOf"][0]["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.replace('_', '-')})"
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(names)


def rows(properties, prefix=""):
    for key, schema in properties.items():
        path = prefix + key
        yield f"| `{path}` | {type_of(schema)} | {schema['description']} |"
        yield from rows(schema.get("properties", {}), path + ".")
        yield from rows(schema.get("items", {}).get("properties", {}), path + "[].")


def page(schema):
    text = HEAD
    parts = schema["$defs"]
    titles = {"result": "A run, a search or a sum", "comparison": "A comparison"}
    for name in [*titles, *(name for name in parts if name not in titles)]:
        text += f"\n## {titles.get(name, name.replace('_', '-'))}\n\n{parts[name]['description']}\n\n"
        text += "| key | type | |\n| --- | --- | --- |\n" + "\n".join(rows(parts[name]["properties"])) + "\n"
    return text


def main():
    with open(SCHEMA, encoding="utf-8") as file:
        text = page(json.load(file))
    if sys.argv[1:] == ["--check"]:
        with open(PAGE, encoding="utf-8") as file:
            return 0 if file.read() == text else "docs/loadgen-json.md is not what loadgen/report/json_docs.py makes"
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
