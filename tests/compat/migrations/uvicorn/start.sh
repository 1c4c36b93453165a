#!/usr/bin/env bash
set -euo pipefail
: "${PORT:=8000}"
pip install uvicorn
UVICORN_BACKLOG=512 exec uvicorn app.main:app \
  --host "${HOST:-0.0.0.0}" --port "$PORT" \
  --workers $(nproc) --limit-concurrency 200 --root-path=/api --app-dir . "$@" 2>&1 | tee log
