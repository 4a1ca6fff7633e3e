"""Kinds of conditions, whatever the language they are written in."""

from typing import Literal

GuardClass = Literal[
    "none",
    "other",
    "first call",
    "growth",
    "environment",
    "error",
    "debug",
    "not capturing",
    "other platform",
    "dead",
]

RANK: dict[GuardClass, int] = {
    "none": 0,
    "other": 0,
    "first call": 1,
    "growth": 1,
    "environment": 2,
    "error": 3,
    "debug": 3,
    "not capturing": 4,
    "other platform": 5,
    "dead": 6,
}
"""How far from certain a guard makes what it guards, when a captured region is run as usual."""

HARMLESS: dict[GuardClass, str] = {
    "not capturing": "only while nothing is captured",
    "error": "only after an error",
    "debug": "only in builds or runs for debugging",
    "other platform": "only on another platform",
}
"""Why what is guarded by such a condition does a captured region no harm."""
