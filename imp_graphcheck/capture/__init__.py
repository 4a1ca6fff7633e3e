"""The command `capture`: eager against captured, stage by stage.

The command-line process imports `settings`, `launch` and `aftermath` only; every module that needs torch runs in
the child process (`python -m imp_graphcheck.capture`).
"""
