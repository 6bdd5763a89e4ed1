"""One of everything that an inventory can add to what the stack gives its roles."""

from typing import Any

USER = {"name": "bi", "password": "x", "hosts": ["192.0.2.7"], "privileges": {"shop.*": ["SELECT"]}}
FRONTEND = {"name": "api", "bind": [{"port": 8443}], "sources": ["192.0.2.0/24"]}

SECRETS = {
    "webstack_secrets": dict.fromkeys(
        (
            "backup_repository",
            "mysql_application",
            "mysql_clone",
            "mysql_migration",
            "mysql_replication",
            "mysql_verbs",
        ),
        "x",
    )
}
BUNDLE: dict[str, Any] = {
    "webstack_app_environment": {"FEATURE": "on"},
    "webstack_app_secrets": {"SECRET_KEY": "abc"},
    "webstack_app_migrate_secrets": {"MIGRATION_TOKEN": "def"},
    "webstack_databases": [{"name": "stock", "application": True}, {"name": "reports"}],
    "webstack_database_users": [USER],
    "webstack_migrate_privileges": ["EVENT"],
    "webstack_web_static": [{"location": "/media/", "alias": "/srv/media/"}],
    "webstack_web_proxy": [{"location": "/ws/", "websocket": True}],
    "webstack_web_redirects": [{"location": "= /old", "to": "/new"}],
    "webstack_web_directives": ["charset utf-8;"],
    "webstack_web_upstreams": [{"name": "files", "servers": [{"name": "f", "address": "127.0.0.1", "port": 81}]}],
    "webstack_web_sites": [
        {"name": "admin", "server_names": ["admin.foobar.com", "~^shop"], "proxy": [{"location": "/"}]}
    ],
    "webstack_redirect_names": ["foobar.com"],
    "webstack_certificate_names": ["cdn.foobar.com"],
    "webstack_lb_rules": {"http_request": ["deny if { path_beg /internal }"], "acls": ["is_api path_beg /api"]},
    "webstack_lb_frontends": [FRONTEND | {"default_backend": "local"}],
    "webstack_lb_backends": [{"name": "local", "http_request": ["return status 200"]}],
    "webstack_lb_maps": [{"name": "moved", "entries": {"/old": "/new"}}],
}
