"""Behind nginx on the same machine: it is trusted to say scheme and client."""

import multiprocessing

bind = "127.0.0.1:8000"
workers = multiprocessing.cpu_count() * 2 + 1
forwarded_allow_ips = "127.0.0.1"
# The client that nginx names becomes REMOTE_ADDR, for Django's logs and limits.
client_address = "x-forwarded-for"
