"""A Django shop: static files with hashed names, uploads, a view and a trigger, a worker, a job, a command."""

import json
import re
import uuid
from http.cookies import SimpleCookie
from typing import Any

import packing
import pytest
from connection import Answer
from patience import until

ROW = r'<a href="(?P<photo>[^"]+)">{name}</a></td>\s*<td>(?P<price>[\d.]+)</td>'
ROW += r"\s*<td>price changes: (?P<changes>\d+)</td>\s*<td>(?:photo: (?P<bytes>\d+) bytes)?</td>"


class Visitor:
    """Somebody with cookies, who fills in forms."""

    def __init__(self, site: Any) -> None:
        self.site, self.cookies = site, SimpleCookie()

    def get(self, path: str) -> Answer:
        return self._keep(self.site.get(path, headers=self._headers()))

    def post(self, path: str, fields: dict[str, str], **files: bytes) -> Answer:
        """What a browser sends once it has loaded the page with the form."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path).text)[1]
        boundary = uuid.uuid4().hex
        parts = [(f'name="{name}"', text.encode()) for name, text in [*fields.items(), ("csrfmiddlewaretoken", token)]]
        parts += [(f'name="{name}"; filename="{name}.txt"', content) for name, content in files.items()]
        body = b"".join(
            f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
            for head, content in parts
        )
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Origin": f"https://{self.site.host}"}
        body += f"--{boundary}--\r\n".encode()
        return self._keep(self.site.request("POST", path, body, headers | self._headers()))

    def _headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())}

    def _keep(self, answer: Answer) -> Answer:
        for cookie in answer.all("Set-Cookie"):
            self.cookies.load(cookie)
        return answer


@pytest.fixture
def visitor(site) -> Visitor:
    return Visitor(site)


@pytest.fixture
def offer(visitor):
    """Offer a product, and give what the page then says of it."""

    def post(name: str, price: str, photo: bytes) -> dict[str, str]:
        answer = visitor.post("/", {"name": name, "price": price}, photo=photo)
        assert answer.status == 302, answer.text
        return row(visitor, name)

    return post


def row(visitor: Visitor, name: str) -> dict[str, str]:
    page = visitor.get("/?fresh").text
    match = re.search(ROW.replace("{name}", name), page)
    assert match, page
    return match.groupdict()


def test_static_files_have_hashed_names(site):
    """Made by the build step, named by the page, served by nginx: an application without DEBUG serves none."""
    path = re.search(r'href="(/static/shop/style\.[0-9a-f]{12}\.css)"', site.get("/").text)[1]
    answer = site.get(path)
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, "text/css")


def test_uploads_are_served(site, offer):
    """Red when nginx may not read what the application writes."""
    photo = uuid.uuid4().bytes * 100_000
    path = offer(f"upload-{uuid.uuid4().hex}", "1.00", photo)["photo"]
    answer = site.get(path)
    assert (answer.status, answer.body == photo) == (200, True), answer.headers


def test_a_view_and_a_trigger_work(offer):
    """Made by a migration, used by the application's account. Red when it may not, or MySQL has refused the trigger."""
    name = f"trigger-{uuid.uuid4().hex}"
    seen = [offer(name, price, b"photo") for price in ("2.00", "2.00", "3.00")]
    assert [(one["price"], one["changes"]) for one in seen] == [("2.00", "0"), ("2.00", "0"), ("3.00", "1")]


def test_the_worker_does_its_tasks(visitor, offer):
    """It reads the upload and writes to the database."""
    name = f"task-{uuid.uuid4().hex}"
    offer(name, "4.00", b"x" * 1234)
    until(lambda: row(visitor, name)["bytes"] == "1234", "the worker to measure the photo")


def test_the_job_runs(site, on_host):
    """At its hour by a timer, and when it is started by hand."""
    job = f"{packing.NAME}-stocktaking"
    assert on_host.check_output(f"systemctl is-active {job}.timer") == "active"
    on_host.check_output(f"systemctl start {job}.service")
    assert re.search(r"Products at the last stocktaking: \d+", site.get("/?fresh").text)


def test_a_command_makes_an_account(visitor, play):
    """As in docs/applications.md: who has it may log in."""
    name, password = f"admin-{uuid.uuid4().hex}", uuid.uuid4().hex
    secrets = json.dumps({"webstack_run_secrets": {"DJANGO_SUPERUSER_PASSWORD": password}})
    command = f"manage.py createsuperuser --no-input --username {name} --email admin@example.com"
    run = play("run.yml", "-e", f"command={command}", "-e", secrets)
    assert run.succeeded, run.output
    assert password not in run.output
    answer = visitor.post("/admin/login/", {"username": name, "password": password})
    assert (answer.status, answer.headers["Location"]) == (302, "/accounts/profile/"), answer.text
    assert "Site administration" in visitor.get("/admin/").text


def test_a_release_and_back(site, play, release, serving, on_host):
    """The worker goes with it. Red when the worker stays at the former release."""

    def worker() -> str:
        process = on_host.check_output(f"systemctl show --property MainPID --value {packing.NAME}-worker")
        return re.search(r"/releases/([^/]+)/", on_host.check_output(f"cat /proc/{process}/cmdline"))[1]

    before = serving()
    run = release("2.0", {"shop/templates/shop/products.html": lambda text: text.replace("<h1>Shop", "<h1>New shop")})
    assert run.succeeded, run.output
    assert "<h1>New shop" in site.get("/").text
    assert worker() == serving() != before
    run = play("site.yml", "--tags", "application", "-e", f"appserver_release={before}")
    assert run.succeeded, run.output
    assert "<h1>Shop" in site.get("/").text
    assert worker() == serving() == before


def test_a_broken_release_is_refused(refused):
    """A package is not among its requirements."""
    why = refused({"shop/views.py": lambda text: "import stripe\n" + text})
    assert "No module named 'stripe'" in why
