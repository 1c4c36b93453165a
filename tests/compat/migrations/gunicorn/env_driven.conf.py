"""The shape of a chart's configuration: every value from the environment, a heartbeat in memory."""

import json
import multiprocessing
import os

web_concurrency = 2 * multiprocessing.cpu_count() + 1
bind = f"0.0.0.0:{os.environ.get('MIGRATION_PORT', '8000')}"
workers = int(os.getenv("GUNICORN_WORKERS", "4"))
threads = int(os.getenv("GUNICORN_THREADS", "4"))
timeout = int(os.getenv("GUNICORN_TIMEOUT", "120"))
graceful_timeout = 30
keepalive = 5
max_requests = 1000
max_requests_jitter = 100
worker_tmp_dir = "/dev/shm"
accesslog = "-"
errorlog = "-"
loglevel = "info"
user = None
print(json.dumps({"workers": workers, "bind": bind}))
