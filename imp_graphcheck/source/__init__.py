"""Audits by reading: what a captured region would call, found in the source of a program that nobody runs."""
