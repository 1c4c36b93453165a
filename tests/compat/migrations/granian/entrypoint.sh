#!/bin/sh
set -e
if [ "$MODE" = "api" ]; then
    exec granian --interface asginl --host :: --port 8080 --workers 4 --backpressure 64 \
      --loop uvloop --respawn-failed-workers --workers-lifetime 6h --workers-max-rss 512 \
      --http1-header-read-timeout 2500 --access-log --pid-file granian.pid --log-level warn \
      --static-path-mount /srv/static --metrics --metrics-port 9091 api.asgi:application
fi
exec granian --interface wsgi api.wsgi:application
