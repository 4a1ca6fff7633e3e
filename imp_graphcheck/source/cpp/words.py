"""Sets of names, written as one would read them."""


def words(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())
