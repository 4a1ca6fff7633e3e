"""Numbers in sentences."""


def counted(number: int, noun: str) -> str:
    """`1 graph`, `2 graphs`, `no graphs`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
