"""From a failing or wrong replay to the line that allocated: trials, each in a process of its own, and what they prove."""
