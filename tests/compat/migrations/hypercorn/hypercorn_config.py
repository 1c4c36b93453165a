"""The shape of a platform's: hypercorn's names, one from the environment."""

import os

bind = f"0.0.0.0:{os.getenv('MIGRATION_PORT', '8080')}"
worker_class = "asyncio"
workers = 1
startup_timeout = 60
keep_alive_timeout = 5
use_reloader = False
quic_bind = "0.0.0.0:4433"
