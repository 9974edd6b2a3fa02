"""The container, compose and Kubernetes files: what of them can run without a daemon, runs.

Not run here: the build of the image (its lines were run by podman once, on a Debian image: docs/guides/containers.md),
the images of PostgreSQL and Valkey, networks, volumes, and a cluster, of whose schemas the manifests are. Run here: the
entry point with the arguments of each file, as another user, in a folder that cannot be written, with real
databases; the health check and the probes; the end by SIGTERM. What the files say of names, users and times fits.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from gatepass.serving.process import SHUTDOWN_TIMEOUT
from gatepass.serving.workers import SHUTDOWN_TIMEOUT as WORKERS_TIMEOUT
from tests.support.gates import SECRET
from tests.support.process import COMMAND, environment, until_listening
from tools.services import valkey
from tools.services.patience import PATIENCE, until
from tools.services.ports import free_port
from tools.services.postgres import new_database, shared_server

pytestmark = pytest.mark.slow

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
CONTAINERFILE = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text("utf-8"))
MANIFESTS: dict[str, Any] = {
    document["kind"]: document
    for document in yaml.safe_load_all((DEPLOY / "kubernetes" / "gatepass.yaml").read_text("utf-8"))
}
POD = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
USER = int(re.findall(r"^USER (\d+)$", CONTAINERFILE, re.MULTILINE)[0])
LINKS = {
    "GATEPASS_PORT": "tcp://10.96.7.1:80",
    "GATEPASS_SERVICE_HOST": "10.96.7.1",
    "GATEPASS_SERVICE_PORT": "80",
    "GATEPASS_PORT_80_TCP": "tcp://10.96.7.1:80",
}
"""What a service called gatepass puts into each pod of its namespace."""


def instruction(name: str) -> str:
    """The value of the last instruction of this name."""
    return str(re.findall(rf"^{name} (.+)$", CONTAINERFILE, re.MULTILINE)[-1])


def may_others_run() -> bool:
    """Whether a user other than root reaches the program."""
    paths = [Path(sys.executable).resolve(), Path(sys.prefix), Path(sys.base_prefix), DEPLOY]
    return all(parent.stat().st_mode & 0o001 for path in paths for parent in path.parents)


class Pod:
    """The entry point with the arguments of a file, as a container starts it. Ends with its block."""

    def __init__(self, folder: Path, arguments: list[str], *, settings: str, secrets: str) -> None:
        """`secrets` is the folder of the container where the settings are."""
        self.port = free_port()
        (folder / "run").mkdir()
        (folder / "root").mkdir()
        file = folder / "run" / "gatepass.env"
        file.write_text(settings)
        file.chmod(0o440)
        command = [word.replace(secrets, str(folder / "run")) for word in arguments]
        as_other: dict[str, Any] = {}
        if os.geteuid() == 0 and may_others_run():
            os.chown(file, 0, USER)
            as_other = {"user": USER, "group": USER, "extra_groups": []}
        (folder / "root").chmod(0o555)
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [*COMMAND, *command, "--port", str(self.port)],
                cwd=folder / "root",
                umask=0o022,
                env={**environment(), **LINKS, "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stderr=log,
                **as_other,
            )
        self.log = folder / "log"

    def status(self, path: str) -> int:
        with httpx2.Client(timeout=PATIENCE) as client:
            return int(client.get(f"http://127.0.0.1:{self.port}{path}").status_code)

    def __enter__(self) -> "Pod":
        until_listening(self.process, self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that another user may enter, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="gatepass-pod-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def seconds(text: str) -> int:
    """Of a time such as 30s."""
    return int(text.removesuffix("s"))


class TestContainerfile:
    def test_it_installs_extras_that_there_are_and_starts_the_program_as_a_user_without_rights(self) -> None:
        (extras,) = re.findall(r"'gatepass\[([a-z,]+)\]'", CONTAINERFILE)
        known = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
        assert set(extras.split(",")) <= known.keys()
        assert json.loads(instruction("ENTRYPOINT")) == ["gatepass"]
        assert json.loads(instruction("CMD")) == ["serve", "--host", "0.0.0.0"]
        assert USER > 0
        assert CONTAINERFILE.index("useradd") < CONTAINERFILE.index("\nUSER")


class TestCompose:
    def test_each_name_that_a_service_uses_is_declared(self) -> None:
        for service in COMPOSE["services"].values():
            assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
            assert set(service["networks"]) <= COMPOSE["networks"].keys()
            assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= COMPOSE["volumes"].keys()
            for name, how in service.get("depends_on", {}).items():
                assert how["condition"] != "service_healthy" or "healthcheck" in COMPOSE["services"][name]

    def test_docker_itself_reads_it(self, tmp_path: Path) -> None:
        docker = shutil.which("docker")
        if (
            docker is None
            or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
        ):
            pytest.skip("no docker compose here")
        done = subprocess.run(
            [docker, "compose", "--file", DEPLOY / "container" / "compose.yaml", "config", "--quiet"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def test_docker_waits_until_the_last_answer_is_given(self) -> None:
        assert seconds(COMPOSE["services"]["gatepass"]["stop_grace_period"]) > WORKERS_TIMEOUT

    async def test_its_server_starts_with_its_settings_and_its_health_is_that_of_both_stores(self, root: Path) -> None:
        example = (DEPLOY / "container" / "gatepass.env.example").read_text("utf-8")
        store = await new_database(shared_server())
        with valkey.private_server(*COMPOSE["services"]["sessions"]["command"][1:]) as sessions:
            for old, new in {
                "SECRET=": f"SECRET={SECRET}",
                "postgresql://gate:PASSWORD@database/gate": store,
                "redis://sessions:6379": sessions.url,
            }.items():
                assert old in example
                example = example.replace(old, new)
            arguments = COMPOSE["services"]["gatepass"]["command"]
            with Pod(root, arguments, settings=example, secrets="/run/secrets") as pod:
                assert pod.status("/readyz") == 200, pod.log.read_text()
                assert self.is_healthy(pod)
                sessions.stop()
                # Each worker asks the store itself, at most once a second.
                until(lambda: not self.is_healthy(pod), "the loss of the sessions' store")
                pod.process.send_signal(signal.SIGTERM)
                assert pod.process.wait(PATIENCE) == 0, pod.log.read_text()

    @staticmethod
    def is_healthy(pod: Pod) -> bool:
        """What the health check of the image says."""
        python, *arguments = json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])
        assert python == "python"
        check = [word.replace(":8000/", f":{pod.port}/") for word in arguments]
        return subprocess.run([sys.executable, *check], capture_output=True, check=False).returncode == 0


class TestKubernetes:
    def test_kubernetes_schemas_know_every_member(self) -> None:
        validator = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
        for document in MANIFESTS.values():
            validator.validate(document, validator.latest_version(), strict=True)

    def test_its_pods_are_of_the_image_s_user_and_cannot_write(self) -> None:
        assert POD["securityContext"]["runAsUser"] == USER
        assert POD["securityContext"]["fsGroup"] == POD["securityContext"]["runAsGroup"] == USER
        assert CONTAINER["securityContext"]["readOnlyRootFilesystem"]
        assert CONTAINER["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == {volume["name"] for volume in POD["volumes"]}
        assert MANIFESTS["Service"]["spec"]["selector"] == MANIFESTS["Deployment"]["spec"]["selector"]["matchLabels"]

    def test_a_pod_that_ends_has_the_time_for_its_last_answers(self) -> None:
        name, pause = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
        assert name == "sleep"
        assert POD["terminationGracePeriodSeconds"] > int(pause) + max(SHUTDOWN_TIMEOUT, WORKERS_TIMEOUT)
        assert MANIFESTS["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0

    async def test_a_pod_starts_beside_a_service_of_its_name_answers_its_probes_and_ends_in_order(
        self, root: Path
    ) -> None:
        settings = (
            f"GATEPASS_SECRET={SECRET}\nGATEPASS_PUBLIC_URL=https://example.com\n"
            f"GATEPASS_STORE={await new_database(shared_server())}\nGATEPASS_TRUSTED_PROXIES=10.0.0.0/8\n"
        )
        with Pod(root, CONTAINER["args"], settings=settings, secrets="/run/secrets/gatepass") as pod:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert pod.status(CONTAINER[probe]["httpGet"]["path"]) == 200, pod.log.read_text()
            pod.process.send_signal(signal.SIGTERM)
            assert pod.process.wait(PATIENCE) == 0, pod.log.read_text()
