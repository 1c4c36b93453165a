"""How long a test waits for what has to come.

One place for all of them: what comes is not waited for any longer, however long this is, so that it
only has to be too long for a machine on which all processors are wanted by ten at a time.
"""

#: Seconds after which a wait is a failure.
PATIENCE = 90.0
