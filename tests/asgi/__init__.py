"""The asgi worker, shown to applications, frameworks and clients as they are."""
