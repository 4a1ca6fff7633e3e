"""Child processes: whatever touches a GPU runs in one, because an illegal access ends the process that made it.

Parent side: `run_child` starts `python -m MODULE`, hands it one JSON document, and turns whatever becomes of it
into an `Ending`. Child side: `open_channel` reads that document and returns the channel for events.

    parent                                     child
    run_child(["-m", "m"], settings, ...)      channel, settings = open_channel(Settings)
      on_event(StageStarted(...))        <---    channel.send(StageStarted(name="load"))
      on_event(StageFinished(...))       <---    channel.send(StageFinished(stage=...))
      returns Finished()                 <---    channel.send(Finished())
"""

from imp_graphcheck.child.channel import Channel, die_with_parent, open_channel
from imp_graphcheck.child.ending import Completed, CrashedInside, Died, Ending, Hung, Interrupted, Refused
from imp_graphcheck.child.process import ChannelError, run_child

__all__ = [
    "Channel",
    "ChannelError",
    "Completed",
    "CrashedInside",
    "Died",
    "Ending",
    "Hung",
    "Interrupted",
    "Refused",
    "die_with_parent",
    "open_channel",
    "run_child",
]
