"""`imp-graphcheck explain`."""

from typing import Annotated

import typer

from imp_graphcheck.cli.output import print_rendered


def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="A rule, such as GC201; without it, all of them.")
    ] = None,
) -> None:
    """Say what a rule means.

    Prints what the rule means, how it is detected, what to do, and a small program that is wrong and one that is right.
    """
    from imp_graphcheck.errors import UsageError
    from imp_graphcheck.rules import RULES
    from imp_graphcheck.rules.page import page_codes, read_page, title_of
    from imp_reports.rule_page import print_page, print_rules

    known = page_codes()
    if code is None:
        rows = [(one, title_of(one), one in RULES) for one in known]
        print_rendered(lambda console: print_rules(rows, console))
        return
    wanted = code.upper()
    if wanted not in known:
        raise UsageError(f"there is no rule {code}.", hint="imp-graphcheck explain lists them")
    page = read_page(wanted)
    print_rendered(lambda console: print_page(page, console))
