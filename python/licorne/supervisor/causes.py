"""Why workers are replaced: the words that logs, metrics and the control socket show."""

from __future__ import annotations

MAX_REQUESTS = "max_requests"
REQUEST_TIMEOUT = "request_timeout"
#: Concerns the whole generation, whichever worker has noticed it.
CHANGED_FILE = "changed file"
#: The master has seen it above `max_worker_memory`.
MEMORY = "memory"
#: An operator has asked for it (`licornectl worker retire`).
ASKED = "asked"
#: The planner has seen it pass `worker_max_age`.
MAX_AGE = "time to live"
#: A program has called `spawn_worker`, and one above the number is there.
ANOTHER = "another was started"

#: What a worker can write into its slot on the scoreboard, by code. `RetireCause` in crates/net
#: is the same table; a test compares the two.
BY_CODE = {1: MAX_REQUESTS, 2: REQUEST_TIMEOUT, 3: CHANGED_FILE}
