"""`python -m imp_graphcheck` is `imp-graphcheck`."""

from imp_graphcheck.cli import main

if __name__ == "__main__":
    main()
