"""There is no build with setup.py: pip builds licorne, as pyproject.toml says."""

raise SystemExit("Use pip to install licorne from this folder:\n\n    python -m pip install .\n")
