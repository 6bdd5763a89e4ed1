import pymysql

from shop.celery import app as celery_app

__all__ = ["celery_app"]

# Pure Python: a host needs no compiler for it, as it does for mysqlclient.
pymysql.install_as_MySQLdb()
