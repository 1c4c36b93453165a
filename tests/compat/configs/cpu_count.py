"""The rule of thumb for the number of workers, and workers that are replaced now and then."""

import multiprocessing
import os

bind = "127.0.0.1:0"
workers = int(os.environ.get("WORKERS", multiprocessing.cpu_count() * 2 + 1))
max_requests = int(os.environ.get("MAX_REQUESTS", 1000))
max_requests_jitter = max_requests // 20
worker_connections = 1000
backlog = 64
