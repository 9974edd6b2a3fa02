"""What needs an extra says so where the extra's package is missing, and hides no defect of an installed one (J2)."""

import json
import subprocess
import sys

import pytest

from gatepass._extras import missing_extra

pytestmark = pytest.mark.slow
LOGIN = "from gatepass.client.library import use; use('httpx2'); from gatepass.cli.login import opened"
SWEEP = "import asyncio; from gatepass.serving import process; asyncio.run(process._sweep(None, slow_request=1))"
CASES = [
    ("opentelemetry", "import gatepass.client.layers.otel", "OpenTelemetry needs its extra"),
    ("sentry_sdk", "import gatepass.client.layers.sentry", "Sentry needs its extra"),
    ("keyring", "import gatepass.client.storage.keyring", "The keyring needs its extra"),
    ("rich", "from gatepass.client import spinner; spinner()", "The spinner needs its extra"),
    ("tqdm", "from gatepass.client import progress_line; progress_line()", "The progress line needs tqdm"),
    ("flask", "import gatepass.guards.flask", "This guard needs flask"),
    ("starlette", "import gatepass.guards.starlette", "This guard needs starlette"),
    ("fastapi", "import gatepass.guards.fastapi", "This guard needs fastapi"),
    ("litestar", "import gatepass.guards.litestar", "This guard needs litestar"),
    ("django", "import gatepass.guards.django", "This guard needs django"),
    ("rest_framework", "import gatepass.guards.django.rest_framework", "This guard needs rest_framework"),
    ("asyncpg", "from gatepass.stores import open_store; open_store('postgresql://h/d')", "This store needs its extra"),
    ("redis", "from gatepass.stores import open_session_store as o; o('redis://h')", "This store needs its extra"),
    ("pytest", "import gatepass.testing.battery", "The battery needs pytest"),
    ("hypothesis", "import gatepass.testing.machine", "The machine needs Hypothesis"),
    (
        "joserfc",
        "from gatepass.oidc.providers import _partner as p; p(type('P', (), {}))",
        "Sign-in at a provider needs",
    ),
    ("click", "import gatepass.cli", "The command line needs its extra"),
    ("uvicorn", "from gatepass.cli.serve import _load_process as load; load()", "Serving needs its extra"),
    ("starlette", "from gatepass.cli.serve import demo; demo.callback('h', 1, False)", "The demo needs its extra"),
    (
        "httpx2",
        "from gatepass.client.library import use; use('httpx2'); import gatepass.client.http",
        "The client needs",
    ),
    ("httpx2", f"{LOGIN}; opened(id).__enter__()", "The client needs its extra"),
    ("fido2", "import gatepass.factors.fido", "Passkeys need a library of WebAuthn"),
    ("bcrypt", "from gatepass.accounts.passwords.foreign import _bcrypt as b; b('$2b$04$' + '.' * 53)", "bcrypt needs"),
]
DISPENSABLE = [("httptools", SWEEP), ("segno", "import gatepass.factors.qr")]
"""Packages without which the same is done in another way."""
WAYS = {
    "missing": "raise ModuleNotFoundError(\"No module named '{0}'\", name='{0}')",
    "broken": "from {0}.core import gone",
}
PROGRAM = """
import contextlib, importlib.abc, importlib.util, io, json, sys

class Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    # A module with `source`, in the place of `package`.

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == package else None

    def exec_module(self, module):
        exec(source, vars(module))

sys.meta_path.insert(0, Instead())
said = []
for package, code, source in json.load(sys.stdin):
    for name in [name for name in sys.modules if name.partition(".")[0] in (package, "gatepass")]:
        del sys.modules[name]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            exec(code, {})
    except (Exception, SystemExit) as error:
        said.append(f"{type(error).__name__}: {printed.getvalue() or error}")
    else:
        said.append("nothing")
json.dump(said, sys.stdout)
"""


@pytest.fixture(scope="module")
def said() -> dict[tuple[str, str], str]:
    """By code and way, what is raised."""
    programs = [*((package, code) for package, code, _ in CASES), *DISPENSABLE]
    tries = [(package, code, way) for package, code in programs for way in WAYS]
    given = json.dumps([(package, code, WAYS[way].format(package)) for package, code, way in tries])
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=given, capture_output=True, text=True, check=True)
    return dict(zip([(code, way) for _, code, way in tries], json.loads(done.stdout), strict=True))


def broken(package: str) -> str:
    return f"ModuleNotFoundError: No module named '{package}.core'; '{package}' is not a package"


@pytest.mark.parametrize(("package", "code", "sentence"), CASES)
def test_only_a_package_that_is_missing_is_told_as_an_extra(
    said: dict[tuple[str, str], str], package: str, code: str, sentence: str
) -> None:
    assert sentence in said[code, "missing"]
    assert "pip install" in said[code, "missing"]
    assert said[code, "broken"] == broken(package)


@pytest.mark.parametrize(("package", "code"), DISPENSABLE)
def test_it_goes_without_a_package_only_where_that_is_not_installed(
    said: dict[tuple[str, str], str], package: str, code: str
) -> None:
    assert said[code, "missing"] == "nothing"
    assert said[code, "broken"] == broken(package)


@pytest.mark.parametrize(
    "defect",
    [
        ModuleNotFoundError("No module named 'of_its_own'", name="of_its_own"),
        ModuleNotFoundError("No module named 'flask.core'", name="flask.core"),
        ImportError("another architecture", name="flask"),
    ],
)
def test_a_defect_is_passed_on_as_it_is(defect: ImportError) -> None:
    assert missing_extra(defect, "flask", sentence="pip install flask") is defect
