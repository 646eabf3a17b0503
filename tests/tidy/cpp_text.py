"""Reads C++ as text: takes strings and comments out, and finds functions. Right for code laid out by clang-format,
which puts a space before the brace of a body and none before the brace of an initializer."""

import re

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)"""
    r"""|(?P<raw>R"(?P<mark>[^(\s]{0,16})\(.*?\)(?P=mark)")"""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+')""",
    re.DOTALL,
)
CONTAINER = re.compile(r"(^|[\s>])(namespace|class|struct|union|enum|extern)\b")
NAME = re.compile(r"(~?[A-Za-z_][\w:~]*(?:<[^()]*>)?(?:::~?\w+)?|operator\s*\S+?)\s*\(")


def strip(text, comments=True):
    """The text with strings emptied and comments blanked (unless told to leave them); lines stay where they are."""

    def replace(match):
        piece = match.group()
        if match.group("comment"):
            return re.sub(r"[^\n]", " ", piece) if comments else piece
        return '""' + "\n" * piece.count("\n")

    return TOKEN.sub(replace, text)


def without_preprocessor(text):
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group().count("\n"), text, flags=re.MULTILINE)


def kind_of_brace(head, before, inside):
    """What a brace opens. `head`: the text since the last statement; `before`: the character before the brace;
    `inside`: the kind of the scope around it."""
    if inside in ("function", "block", "value"):
        return "block"
    if before not in " \n" or re.search(r"(?<![=!<>])=\s*$|\breturn\s*$|[,(]\s*$", head):
        return "value"
    returns = re.search(r"\)\s*(const|noexcept|override|final|->.*)?\s*$", head)
    if CONTAINER.search(re.sub(r"<[^<>]*>", "", head)) and not returns:
        return "container"
    return "function" if "(" in head else "block"


def functions(text):
    """Yields (name, first line, last line) of each function body, from its opening brace to its closing one.
    A lambda belongs to the function it is in."""
    code = without_preprocessor(strip(text))
    stack = []  # (kind, name, line)
    head_start = 0
    line = 1
    for position, character in enumerate(code):
        if character == "\n":
            line += 1
        elif character == "{":
            head = code[head_start:position]
            kind = kind_of_brace(head, code[position - 1] if position else " ", stack[-1][0] if stack else "container")
            name = name_of(head) if kind == "function" else None
            stack.append((kind, name, line))
            if kind in ("container", "function"):
                head_start = position + 1
        elif character == "}" and stack:
            kind, name, first = stack.pop()
            if kind == "function":
                yield name, first, line
            if kind != "value":
                head_start = position + 1
        elif character == ";" and (not stack or stack[-1][0] == "container"):
            head_start = position + 1


def name_of(head):
    match = NAME.search(head)
    name = re.sub(r"\s+", "", match.group(1)) if match else "unnamed"
    if name.startswith("TEST"):
        arguments = re.search(r"\(([^)]*)\)", head)
        name = "_".join(part.strip() for part in arguments.group(1).split(","))
    return name
