"""nginx on the same machine: a socket file, a pid file, logs in files."""

name = "shop"
bind = "unix:site.sock"
pidfile = "site.pid"
workers = 1
umask = 0o007
errorlog = "error.log"
accesslog = "access.log"
capture_output = True
loglevel = "info"
keepalive = 2
proc_name = name
