"""`manage.py licorne [OPTIONS] [ADDRPORT]`: the command `licorne` for this project."""

from licorne.django.command import ServerCommand as Command

__all__ = ["Command"]
