"""Small programs in plain torch, in pairs: one with a mistake, and the same program repaired.

They run through `module:factory` like any program of a user, on every device. The line that a finding must name ends in
a comment `MARK` with a word; `imp_graphcheck.faults.pairs` says which pair must fire which rule there.
"""
