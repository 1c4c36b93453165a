"""A Django project on Heroku: the platform gives the port and the number of processes."""

import os

bind = "127.0.0.1:" + os.environ.get("PORT", "8000")
accesslog = "-"
errorlog = "-"
loglevel = os.environ.get("LOG_LEVEL", "info")
timeout = int(os.environ.get("GUNICORN_TIMEOUT", 25))  # below the router's 30 seconds
forwarded_allow_ips = "*"
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
