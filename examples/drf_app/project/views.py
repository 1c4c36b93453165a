"""Two views: a greeting, and numbers that are checked and added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

if TYPE_CHECKING:
    from rest_framework.request import Request


class HelloView(APIView):
    """Greets."""

    def get(self, _request: Request) -> Response:
        """Greet the client."""
        return Response("Hello, World!")


class Numbers(serializers.Serializer):
    """What is to be added."""

    numbers = serializers.ListField(child=serializers.IntegerField(), max_length=1000)


class SumView(APIView):
    """Adds."""

    def post(self, request: Request) -> Response:
        """Add the numbers, and name the client's address."""
        asked = Numbers(data=request.data)
        asked.is_valid(raise_exception=True)
        total = sum(asked.validated_data["numbers"])
        return Response({"sum": total, "client": request.META["REMOTE_ADDR"]})
