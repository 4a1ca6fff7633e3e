"""Small programs of plain torch, one for each way to go wrong. `reproduction` writes one out with the figures of a cause.

The constants in capitals are what is filled in. Each must show its code as it stands here, with these figures.
"""
