"""One part of the validation as a page of Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass

from validation_shell import Completed

LONGEST_OUTPUT = 24_000
"""Characters of one output on a page; the end is kept, where errors are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What came out of one part. `text` is Markdown."""

    title: str
    passed: bool
    text: str
    runs: tuple[Completed, ...] = ()
    show_stdout: bool = True

    @property
    def seconds(self) -> float:
        return sum(run.seconds for run in self.runs)


def page(part: Part, facts: Mapping[str, str]) -> str:
    """The whole page."""
    sections = [
        f"# {part.title}",
        f"{'Passed' if part.passed else '**Failed**'} after {part.seconds:.0f} s.",
        "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())]),
        part.text,
        *(_section(run, part.show_stdout) for run in part.runs),
    ]
    return "\n\n".join(section.strip() for section in sections if section.strip()) + "\n"


def _section(run: Completed, show_stdout: bool) -> str:
    """A command, how it ended, and what it printed."""
    parts = [f"```console\n$ {run.shown}\n```", f"Exit code {run.outcome}, {run.seconds:.1f} s."]
    if show_stdout and run.stdout.strip():
        parts.append(_block(run.stdout))
    if run.stderr.strip():
        parts += ["On stderr:", _block(run.stderr)]
    return "\n\n".join(parts)


def _block(text: str) -> str:
    if len(text) > LONGEST_OUTPUT:
        left_out = len(text) - LONGEST_OUTPUT
        text = f"[the first {left_out} characters are left out]\n{text[-LONGEST_OUTPUT:]}"
    fence = "````" if "```" in text else "```"
    return f"{fence}text\n{text.rstrip()}\n{fence}"
