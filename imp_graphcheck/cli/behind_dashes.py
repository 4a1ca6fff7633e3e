"""`COMMAND --its --options -- PROGRAM ITS --OPTIONS`: what stands behind `--` is not ours to read."""

from typing import Any

from typer.core import TyperCommand

_KEY = "imp_graphcheck.program"


class BehindDashes(TyperCommand):
    """Keeps the words behind `--` apart, which would be arguments of the command otherwise."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words before `--` are parsed as ever."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_KEY] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)


def program_of(context: Any) -> tuple[str, ...] | None:
    """The words behind `--`; None where there was none."""
    found = context.meta.get(_KEY)
    return None if found is None else tuple(found)
