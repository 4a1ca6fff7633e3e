"""Child processes: whatever touches a GPU runs in one, because an illegal access ends the process that made it.

Parent side: `run_child` starts `python -m MODULE`, hands it one JSON document, and turns whatever becomes of it
into an `Ending`. Child side: `open_channel` reads that document and returns the channel for events. Where many
children follow each other, `warm_template` spares all but the first their imports.

    parent                                     child
    run_child(["-m", "m"], settings, ...)      channel, settings = open_channel(Settings)
      on_event(StageStarted(...))        <---    channel.send(StageStarted(name="load"))
      on_event(StageFinished(...))       <---    channel.send(StageFinished(stage=...))
      returns Finished()                 <---    channel.send(Finished())
"""

from imp_graphcheck.child.channel import Channel, die_with_parent, open_channel
from imp_graphcheck.child.ending import Completed, CrashedInside, Died, Ending, Hung, Interrupted, Refused
from imp_graphcheck.child.listener import ChannelError
from imp_graphcheck.child.process import run_child
from imp_graphcheck.child.stacks import ThreadStack
from imp_graphcheck.child.template import Template, warm_template

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
    "Template",
    "ThreadStack",
    "die_with_parent",
    "open_channel",
    "run_child",
    "warm_template",
]
