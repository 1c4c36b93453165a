"""The nginx buildpack of Heroku starts nginx when this file is there."""

bind = "127.0.0.1:0"
workers = 1
pidfile = "site.pid"


def when_ready(server):
    open("app-initialized", "w").close()


def on_exit(server):
    server.log.info("bye from %s", type(server).__name__)
