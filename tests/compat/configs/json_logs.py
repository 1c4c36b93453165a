"""Everything the server says as one JSON object a line."""

import json
import logging


class JSONFormatter(logging.Formatter):
    def format(self, record):
        said = {
            "time": self.formatTime(record),
            "process": record.process,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["exception"] = record.exc_info[0].__name__
        if isinstance(record.args, dict) and "U" in record.args:
            said.update(path=record.args["U"], status=int(record.args["s"]), agent=record.args["a"])
            said.update(request_id=record.args["{x-request-id}i"], size=record.args["B"])
        return json.dumps(said)


logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JSONFormatter}},
    "handlers": {
        "error_console": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stderr",
        },
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stdout",
        },
    },
    "root": {"level": "INFO", "handlers": ["error_console"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["error_console"], "propagate": False},
        "gunicorn.access": {"level": "INFO", "handlers": ["console"], "propagate": False},
    },
}

bind = "127.0.0.1:0"
