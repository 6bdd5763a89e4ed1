"""What differs from host to host stands in the environment, which the stack sets (docs/applications.md)."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent
# On a developer's machine nothing is set.
DEBUG = "DATABASE_WRITE_URL" not in os.environ
SHARED = Path(os.environ.get("APP_SHARED", BASE_DIR / "shared"))

SECRET_KEY = "development" if DEBUG else os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "").split()
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG


def database(url):
    """Such as mysql+pymysql://shop:password@127.0.0.1:6446/shop?charset=utf8mb4&ssl_ca=/etc/webstack/tls/ca.pem"""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.mysql",
        "HOST": parts.hostname,
        "PORT": parts.port,
        "NAME": parts.path[1:],
        "USER": unquote(parts.username),
        "PASSWORD": unquote(parts.password),
        "OPTIONS": {"charset": options["charset"], "ssl": {"ca": options["ssl_ca"]}, "connect_timeout": 5},
        # Kept, and made anew where it was cut, as when the primary moves.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


if DEBUG:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
    DATABASES["replica"] = DATABASES["default"]
else:
    # Only the migration has DATABASE_MIGRATE_URL: that account may change the schema.
    DATABASES = {
        "default": database(os.environ.get("DATABASE_MIGRATE_URL") or os.environ["DATABASE_WRITE_URL"]),
        "replica": database(os.environ["DATABASE_READ_URLS"].split()[0]),
    }

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
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
ROOT_URLCONF = "shop.urls"
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# nginx serves both. The folder static is made by collectstatic, in each release; shared/media outlives releases.
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = SHARED / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "memory://")
CELERY_TASK_ALWAYS_EAGER = DEBUG
# A task whose worker is restarted meanwhile is done again.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True

# Errors go to the journal; by default Django mails them.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"journal": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["journal"], "level": "INFO"},
}
