"""Settings: what a test varies comes from the environment."""

import os
from pathlib import Path

DATA = Path(os.environ["PROJECT_DATA"])
SECRET_KEY = "only good enough for a test"
DEBUG = os.environ.get("PROJECT_DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DJANGOS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "notes",
]
INSTALLED_APPS = {
    "first": ["licorne.django", *DJANGOS],
    "last": [*DJANGOS, "licorne.django"],
    "without staticfiles": [*(app for app in DJANGOS if "static" not in app), "licorne.django"],
    "gunicorn": ["gunicorn", *DJANGOS],
    "none": DJANGOS,
}[os.environ.get("PROJECT_APPS", "first")]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "demo_project.urls"
WSGI_APPLICATION = "demo_project.wsgi.application"
if os.environ.get("PROJECT_ASGI") == "1":
    ASGI_APPLICATION = "demo_project.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 100_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 200_000
STATIC_URL = "static/"
USE_TZ = True
# The reloader tells which files it watches, from then on.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"plain": {"class": "logging.StreamHandler"}},
    "loggers": {"django.utils.autoreload": {"handlers": ["plain"], "level": "DEBUG"}},
}
