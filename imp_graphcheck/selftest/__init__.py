"""`selftest`: every rule shown to fire, at the right line, and to be silent on the repaired program.

Each program runs as any program of a user would, in a child process of its own. This process never touches a GPU.
"""
