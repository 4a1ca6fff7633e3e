"""Interventions on a live program: each changes one thing, runs the captured arm again, and says what became of it.

A suspicion is a reading of records. It is proven by a change that makes the answers right (`pin`, `fresh`), or wrong at
will (`poison`, `delay`).
"""
