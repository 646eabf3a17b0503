#!/usr/bin/env python3
"""Writes a copy of core in which every bug of bugs.txt is a switch, off until the simulator turns it on.

usage: plant.py BUGS CORE COPY     BUGS: bugs.txt (it describes its own format); CORE: the folder broker/core
                                   COPY: the folder to write; it also gets planted_bugs.h, the names of the bugs

Ends with 1 and a message if the text of a bug is not there exactly once. Files whose content stays the same are not
written again, so that a build compiles only what has changed.
"""
import pathlib
import re
import sys

KEYS = ("bug", "says", "file", "in", "find", "as", "put")


class Mistake(Exception):
    pass


def read_bugs(text):
    """The entries of bugs.txt, in order: dictionaries of KEYS."""
    bugs = []
    for block in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n", "", text)):
        if not block.strip():
            continue
        bug = dict(line.split(": ", 1) for line in block.strip().split("\n"))
        wrong = [key for key in bug if key not in KEYS] + [key for key in ("bug", "file", "find", "put") if key not in bug]
        if wrong:
            raise Mistake(f"{bug.get('bug', block)}: look at {', '.join(wrong)}")
        bugs.append(bug)
    return bugs


def names_of(bugs):
    """Each bug once, in order, with what it says."""
    names = {}
    for bug in bugs:
        if "says" in bug:
            if bug["bug"] in names:
                raise Mistake(f"{bug['bug']} says twice what it is")
            names[bug["bug"]] = bug["says"]
        elif bug["bug"] not in names:
            raise Mistake(f"{bug['bug']} does not say what it is")
    return names


def place_of(text, part, bug):
    """Where `part` begins in `text`, in which it must stand exactly once."""
    if text.count(part) != 1:
        raise Mistake(f"{bug['bug']}: {bug['file']} has {text.count(part)} times, not once: {part}")
    return text.index(part)


def change_of(text, bug):
    """Where the bug goes in the original text: begin, end, and what stands there instead."""
    around = bug.get("in", bug["find"]).replace("\\n", "\n")
    begin = place_of(text, around, bug) + place_of(around, bug["find"], bug)
    find, put = bug["find"], bug["put"]
    on = f"::onehop::core::planted(::onehop::core::Planted::{bug['bug']})"
    kind = bug.get("as", "expression")
    if kind == "expression":
        return begin, begin + len(find), f"({on} ? ({put}) : ({find}))"
    if kind == "instead":
        return begin, begin + len(find), f"if ({on}) {{ {put} }} else {{ {find} }}"
    if kind == "before":
        return begin, begin, f"if ({on}) {{ {put} }} "
    if kind == "after":
        return begin + len(find), begin + len(find), f" if ({on}) {{ {put} }}"
    raise Mistake(f"{bug['bug']}: as '{kind}' is not known")


def plant(text, bugs, name):
    """The text of a file with its bugs in it. Compilers report the lines of the original."""
    if not bugs:
        return text
    # From the end on, so that places stay where they are. Of two that begin at the same place the later one comes first.
    for _, begin, end, put in sorted(((i, *change_of(text, bug)) for i, bug in enumerate(bugs)),
                                     key=lambda change: (change[1], change[0]), reverse=True):
        text = text[:begin] + put + text[end:]
    return f'#include "core/planted_bugs.h"\n#line 1 "{name}"\n{text}'


def header(names):
    lines = ["// Written by plant.py: the bugs that can be switched on in this copy of core.", "#pragma once", "",
             "#include <cstddef>", "", "namespace onehop::core {", "", "enum class Planted : size_t {"]
    lines += [f"  {name}," for name in ("kNone", *names)]
    lines += ["  kCount,", "};", "", "struct PlantedName {", "  const char* name;", "  const char* says;", "};",
              "inline constexpr PlantedName kPlantedNames[] = {", '  {"none", "No bug."},']
    lines += [f'  {{"{name}", "{says}"}},' for name, says in names.items()]
    lines += ["};", "", "// One thread plays one run at a time, so the switch is plain.",
              "inline Planted planted_bug = Planted::kNone;", "inline bool planted(Planted bug) {",
              "  return planted_bug == bug;", "}", "", "}  // namespace onehop::core", ""]
    return "\n".join(lines)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main(bugs_file, core, copy):
    core, copy = pathlib.Path(core), pathlib.Path(copy)
    bugs = read_bugs(pathlib.Path(bugs_file).read_text())
    sources = sorted(p.relative_to(core).as_posix() for p in core.rglob("*") if p.suffix in (".h", ".cc"))
    homeless = [bug for bug in bugs if bug["file"] not in sources]
    if homeless:
        raise Mistake(f"{homeless[0]['bug']}: there is no file {homeless[0]['file']}")
    write(copy / "planted_bugs.h", header(names_of(bugs)))
    for source in sources:
        here = [bug for bug in bugs if bug["file"] == source]
        write(copy / source, plant((core / source).read_text(), here, f"planted/core/{source}"))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Mistake as mistake:
        sys.exit(f"plant.py: {mistake}")
