"""nginx as the guide configures it, in front of `gatepass serve` on a Unix socket: the very files of `deploy/nginx`."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.browser import Browser
from tests.support.gates import OTHER_SECRET, SECRET
from tests.support.process import COMMAND, Remote, Serving, gatepass
from tests.system.deployments.nginx import Nginx, configuration, nginx

pytestmark = pytest.mark.slow

ORIGIN = "https://example.com"
FEED_SECRET = OTHER_SECRET
SETTINGS = {
    "SECRET": SECRET,
    "PUBLIC_URL": ORIGIN,
    "STORE": "sqlite:///gate.db",
    "TRUSTED_PROXIES": "unix",
    "REVOCATION_FEED_SECRET": FEED_SECRET,
}
SOCKET = "/run/gatepass/gate.sock"
COMPRESSES = "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;\n"
"""What many have in their nginx.conf, above all sites."""
NATIVE = {"Gatepass-Client": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Serving]:
    running = Serving(
        folder, port=None, settings=SETTINGS, command=(*COMMAND, "serve", "--uds", str(folder / "gate.sock"))
    )
    yield running
    running.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def between(folder: Path, server: Serving) -> Iterator[Nginx]:
    """nginx with the file of the guide, and the lines for a prefix in it."""
    site = configuration("gatepass.conf")
    cut = site.index("    location = /readyz")
    site = COMPRESSES + site[:cut] + configuration("prefix.conf") + "\n" + site[cut:]
    with nginx(folder, site, upstreams={SOCKET: f"{folder}/gate.sock"}) as running:
        yield running


@pytest.fixture
def client(between: Nginx) -> Iterator[httpx2.Client]:
    with between.client() as made:
        yield made


async def test_a_browser_signs_in_refreshes_and_signs_out(between: Nginx) -> None:
    async with between.transport() as transport:
        ann = Browser(Remote(between.base, transport), mount="/auth", origin=ORIGIN)
        assert (await ann.register("ann@example.com")).status == 201
        for _ in range(3):
            assert (await ann.refresh()).status == 200
        assert (await ann.get("/me")).status == 200
        assert (await ann.logout()).status == 204
        assert ann.jar == {}


async def test_below_a_prefix_that_nginx_removes_it_is_the_same(between: Nginx) -> None:
    async with between.transport() as transport:
        bob = Browser(Remote(between.base, transport), mount="/gate/auth", origin=ORIGIN)
        assert (await bob.register("bob@example.com")).status == 201
        assert (await bob.refresh()).status == 200
        assert (await bob.get("/me")).status == 200


def test_http_2_is_spoken(between: Nginx) -> None:
    curl = shutil.which("curl")
    if curl is None or "HTTP2" not in subprocess.run([curl, "-V"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("no curl with HTTP/2 here")
    command = [
        curl,
        "--silent",
        "--http2",
        "--cacert",
        f"{between.folder}/localhost.pem",
        "--write-out",
        "%{http_version}",
    ]
    done = subprocess.run([*command, f"{between.base}/readyz"], capture_output=True, text=True, check=True)
    assert done.stdout == '{"status":"ready"}2'


def test_over_plain_http_the_endpoints_are_refused_and_pages_are_redirected(between: Nginx) -> None:
    base = f"http://localhost:{between.plain_port}"
    assert httpx2.post(f"{base}/auth/login", json={}).status_code == 403
    assert httpx2.get(f"{base}/news").headers["location"].startswith("https://")


def test_tokens_are_not_compressed(client: httpx2.Client) -> None:
    for path in ("/auth/openapi.json", "/gate/auth/openapi.json", "/auth/jwks.json"):
        assert "content-encoding" not in client.get(path, headers={"Accept-Encoding": "gzip"}).headers


def test_a_body_beyond_the_bound_is_a_problem_document_and_no_502(client: httpx2.Client) -> None:
    """Closing a connection that still sends destroys the answer (unbit/uwsgi#1371)."""
    for size in (20_000, 900_000):
        body = json.dumps({"email": "a@example.com", "password": "x" * size})
        answer = client.post("/auth/login", content=body, headers={**NATIVE, "Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_events_arrive_as_they_are_sent(between: Nginx, client: httpx2.Client) -> None:
    made = client.post(
        "/auth/register", json={"email": "eve@example.com", "password": "walnut lantern by the river"}, headers=NATIVE
    ).json()
    headers = {"Authorization": f"Bearer {FEED_SECRET}", "Accept-Encoding": "gzip"}
    with client.stream("GET", "/auth/revocations", headers=headers) as stream:
        lines = (line for line in stream.iter_lines() if line)
        assert "event: caught-up" in lines
        bearer = {"Authorization": f"Bearer {made['access_token']}"}
        with between.client() as other:
            assert other.post("/auth/logout", headers={**NATIVE, **bearer}).status_code == 204
        assert f"data: {made['session_id']}" in lines


def test_the_doctor_on_this_machine_finds_nothing_wrong(folder: Path, between: Nginx) -> None:
    done = look(folder, between)
    assert "ERROR" not in done.replace("ERROR  address", "")
    assert "A client cannot choose its address." in done
    assert "The stream of revocations arrives as it is sent." in done
    assert "Plain http is refused" in done


WRONG = {
    "a client's X-Forwarded-For goes through": (
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "",
        "believes the X-Forwarded-For of a client",
    ),
    "the stream is collected": (
        "gzip off;    # tokens",
        "gzip off; proxy_ignore_headers X-Accel-Buffering; #",
        "a proxy collects the stream",
    ),
    "tokens are compressed": ("gzip off;", "", "A proxy compresses the responses"),
    "the version is told": ("server_tokens off;", "", "Server header contains a version"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_doctor_finds_what_is_missing(name: str, folder: Path, server: Serving, tmp_path: Path) -> None:
    line, instead, finding = WRONG[name]
    site = configuration("gatepass.conf")
    assert line in site
    site = COMPRESSES + site.replace(line, instead)
    with nginx(tmp_path, site, upstreams={SOCKET: f"{folder}/gate.sock"}) as between:
        assert finding in look(folder, between)


def look(folder: Path, between: Nginx) -> str:
    """What the doctor says, on the server's machine, with the server's settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", f"{between.folder}/localhost.pem")
        return gatepass(folder, "doctor", "--url", between.base, **SETTINGS).stdout
