"""Addresses of the project."""

from django.contrib import admin
from django.urls import include, path
from notes import views
from rest_framework.routers import DefaultRouter

router = DefaultRouter()
router.register("notes", views.NoteViewSet)

urlpatterns = [
    path("", views.index),
    path("environ/", views.environ),
    path("form/", views.form),
    path("upload/", views.upload),
    path("file/", views.file),
    path("countdown/", views.countdown),
    path("endless/", views.endless),
    path("gated/", views.gated),
    path("error/", views.error),
    path("error-midway/", views.error_midway),
    path("api/hello/", views.HelloWorldView.as_view()),
    path("api/", include(router.urls)),
    path("admin/", admin.site.urls),
]
