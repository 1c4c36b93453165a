#!/bin/sh
# the shape of a container's start
export SERVICE=uwsgi
uwsgi --http 0.0.0.0:8000 --wsgi-file app.py --callable=app -p 5 --threads 2 \
    --master --vacuum --http-keepalive=30 -R 500 --frobnicate 3
