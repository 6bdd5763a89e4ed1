"""Releases of an application on its host: unpacked beside each other, tried, and then made the one that serves.

    /srv/www/<name>/releases/<id>/    the files, and .venv where the application brings its requirements
    /srv/www/<name>/shared/           what outlives a release, the only place that the application may write to
    /srv/www/<name>/current           symlink to the release that serves
    /etc/appserver/<name>/            gunicorn.conf.py and environment

What is to serve (files, unit, gunicorn's configuration, environment) is first started beside what serves, as the unit
<name>-candidate on a Unix socket, and its health is checked. Only then does it replace what serves, by renames.

Private: for the module app_release. `apply` runs everything in order; `deployment` holds what the other modules share.
"""
