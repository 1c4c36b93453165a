"""Addresses of the project."""

from django.urls import path

from project import views

urlpatterns = [
    path("api/hello/", views.HelloView.as_view()),
    path("api/sum/", views.SumView.as_view()),
]
