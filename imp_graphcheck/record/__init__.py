"""The saved facts. Nothing in here imports torch, a device, or any other room.

Every record is a `msgspec.Struct`: one is made in a tenth of the time that a frozen dataclass takes, and a graph has
tens of thousands. They are changed by `msgspec.structs.replace`. `gc=False`: the garbage collector need not look at
them, since what can only refer to what was made before it is in no circle.
"""
