"""Starts nginx with a configuration of `deploy/nginx`; ports and paths alone are others."""

import contextlib
import os
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.certificate import certificate
from tests.support.process import until_listening
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

CONFIGURATIONS = Path(__file__).resolve().parents[3] / "deploy" / "nginx"
AROUND = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
{user}
events {{ worker_connections 512; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
"""The /etc/nginx/nginx.conf of a test. The worker is the user of the test, who owns the sockets."""


def configuration(name: str) -> str:
    """A file of `deploy/nginx`."""
    return (CONFIGURATIONS / name).read_text("utf-8")


class Nginx:
    """A running nginx. `port` is that for https, `plain_port` that for http."""

    def __init__(self, folder: Path, *, port: int, plain_port: int) -> None:
        self.folder, self.port, self.plain_port = folder, port, plain_port
        self.trusted = ssl.create_default_context(cafile=str(folder / "localhost.pem"))
        self.base = f"https://localhost:{port}"

    def client(self) -> httpx2.Client:
        """A client that trusts its certificate."""
        return httpx2.Client(base_url=self.base, verify=self.trusted, timeout=PATIENCE)

    def transport(self) -> httpx2.AsyncHTTPTransport:
        """The same for many requests at once."""
        return httpx2.AsyncHTTPTransport(verify=self.trusted)

    def errors(self) -> str:
        """What it logged as an error."""
        lines = (self.folder / "error.log").read_text().splitlines()
        return "\n".join(line for line in lines if re.search(r"\[(error|crit|alert|emerg)\]", line))


@contextlib.contextmanager
def nginx(folder: Path, site: str, *, upstreams: dict[str, str]) -> Iterator[Nginx]:
    """nginx with the text of a site, until the block ends. `upstreams`: what stands for each address of the text."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("no nginx here: apt-get install nginx-light")
    port, plain_port = free_port(), free_port()
    (folder / "localhost.pem").write_bytes(certificate())
    changes = {
        "listen 443": f"listen 127.0.0.1:{port}",
        "listen 80": f"listen 127.0.0.1:{plain_port}",
        "/etc/ssl/example.com/fullchain.pem": f"{folder}/localhost.pem",
        "/etc/ssl/example.com/key.pem": f"{folder}/localhost.pem",
        **upstreams,
    }
    for old, new in changes.items():
        assert old in site, old
        site = site.replace(old, new)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user))
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")],
        stderr=subprocess.DEVNULL,
    )
    try:
        until_listening(process, port, output=folder / "error.log")
        yield Nginx(folder, port=port, plain_port=plain_port)
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(PATIENCE)
