"""The command `audit-syncs`, by running: every copy, wait, allocation and first use that a captured region makes.

    parent (launch)                    child, warm                         child, cold, in a process of its own
    ---------------                    -----------                         -----------------------------------
    settings              -- stdin --> load, prewarm, warm-up, eager,      load, and the first `forward` of each key
                                       capture, replay, all under a        before anything is warm
                                       trace of the device's calls
    audit.json    <---- disk, after every phase ----  calls.json           cold.json
    both tell of calls (`Sighting`), the parent judges them (`sites.audit_sites`) and saves the whole

Nothing in the parent imports torch.
"""
