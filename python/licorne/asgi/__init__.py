"""ASGI 3.0: which applications are, the loop they run on, how tasks begin, the lifespan protocol.

Nothing here knows the engine: `workers.gasgi` brings both together.
"""
