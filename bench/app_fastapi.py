"""FastAPI's JSON: what the framework that most people use costs on top of the server."""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def hello() -> dict[str, str]:
    """Answer the greeting."""
    return {"message": "Hello, World!"}
