"""Addresses of the project."""

from django.urls import path
from greetings import views

urlpatterns = [
    path("", views.index),
    path("visits/", views.visits),
    path("countdown/", views.countdown),
    path("source/", views.source),
]
