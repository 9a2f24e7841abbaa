"""What a page of Markdown shows a reader to type: its blocks of Python and its commands."""

import re
import shlex
from dataclasses import dataclass

BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
COMMAND = re.compile(r"^(?:\.venv/bin/)?particleflow ")
INSTALLS = re.compile(r"^(python3 -m venv|\.venv/bin/(pip|pytest|python -m sphinx)) ")
"""Commands of a shell block that are not ours: .ci/run carries out those that matter."""


@dataclass(frozen=True)
class Block:
    """A block of a page.

    ``mark`` is what a comment above it says: "needs torch", or "run elsewhere: ..." where.
    """

    language: str
    text: str
    mark: str | None

    @property
    def is_run_elsewhere(self):
        return self.mark is not None and self.mark.startswith("run elsewhere: ")


def blocks(page):
    """The blocks of Python and of the shell on a page, in their order."""
    found = [Block(m["language"], m["text"], m["mark"]) for m in BLOCK.finditer(page)]
    return [block for block in found if block.language in ("python", "sh")]


def commands(block):
    """The arguments of each of our commands in a shell block; others have to be installs."""
    found = []
    for line in block.text.splitlines():
        for command in line.split(" && "):
            if COMMAND.match(command):
                found.append(shlex.split(COMMAND.sub("", command), comments=True))
            else:
                assert INSTALLS.match(command), f"no test runs this: {command}"
    return found
