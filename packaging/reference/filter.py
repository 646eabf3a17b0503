"""What Doxygen reads of a public header: the comments become its comments, and the text in them means only itself.

    doxygen_filter.py HEADER     prints the header, line for line; Doxygen calls it
"""

import re
import sys

# What Doxygen would take for commands, HTML or links.
SPECIAL = re.compile(r"[\\@<>#%&~|*\"]")


def plain(text):
    """The text of a comment: as it is between backticks, elsewhere with every special character escaped."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else SPECIAL.sub(r"\\\g<0>", part) for part in parts)


def main(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    # The comment that opens a header is about the header. Its line more is the one that is left out.
    opening = lines.index("#pragma once")
    lines = ["// \\file", *lines[:opening], *lines[opening + 1:]]
    for number, line in enumerate(lines):
        alone = re.fullmatch(r"(\s*)//(.*)", line)
        behind = re.fullmatch(r"(.*?\S)(\s+)//(.*)", line)
        if number == 0:
            print("/// \\file")
        elif alone:
            print(f"{alone[1]}///{plain(alone[2])}")
        elif behind:
            print(f"{behind[1]}{behind[2]}///<{plain(behind[3])}")
        else:
            print(line)


if __name__ == "__main__":
    main(sys.argv[1])
