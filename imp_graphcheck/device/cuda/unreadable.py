"""Graphs that cannot be read."""


class GraphUnreadableError(RuntimeError):
    """The nodes of a graph cannot be had: it was not kept, holds no capture, or the driver refused.

    The message is one sentence for the reader. Nothing is wrong with the program under test because of it.
    """
