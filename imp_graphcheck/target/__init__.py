"""What can be checked: a model of the reference engine, or a program of the user's own."""

from imp_graphcheck.target.program import Call, Program
from imp_graphcheck.target.protocol import Target
from imp_graphcheck.target.resolve import resolve

__all__ = ["Call", "Program", "Target", "resolve"]
