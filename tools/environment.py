"""A virtual environment made from a hashed lock file, in seconds and with nothing but Python's standard library.

uv does the installing: it is ten times as fast as pip, which brings it, and as strict about hashes. pip itself is not
installed, only run from the wheel that comes with Python (`ensurepip`): that saves the five seconds that installing
pip into a new environment takes. Where uv cannot be had or does not reach a package (it reads no pip.conf), pip does
all of it. A second start recognises by a stamp what is installed already.
"""

import os
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tools.stamps import digest, once
from tools.steps import Failure, on_path, run, say

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "requirements"
QUIET = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_USER": "0",
    "PYTHONDONTWRITEBYTECODE": "",  # set in many containers: each of a thousand processes would compile all it imports
    "UV_NO_PROGRESS": "1",
    "npm_config_fund": "false",
}
AGAIN = "Is there a network? If there is, and it happens twice, delete {} and web/node_modules."
BUNDLED = """
import ensurepip, pathlib, sysconfig
folders = (sysconfig.get_config_var("WHEEL_PKG_DIR") or "nowhere", pathlib.Path(ensurepip.__file__).parent / "_bundled")
print(next(wheel for folder in folders for wheel in pathlib.Path(folder).glob("pip-*.whl")))
"""
"""Prints where the interpreter keeps its pip."""


@dataclass(frozen=True)
class Environment:
    """A folder such as .venv, and the interpreter that it is made with."""

    folder: Path
    interpreter: str
    _one: threading.Lock = field(default_factory=threading.Lock)

    @property
    def programs(self) -> Path:
        """Where its programs are."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.programs / "python"

    def variables(self) -> dict[str, str]:
        """The environment of what runs in it."""
        return {**on_path(self.programs), **QUIET}

    def provide(self, lock: str) -> None:
        """Everything of requirements/<lock>.txt, and this project."""
        self.provide_packages(lock)
        stamp = digest([ROOT / "pyproject.toml"], self._version())
        install = ("--no-deps", "--no-build-isolation", "--editable", ROOT)
        once(self._stamp("project"), stamp, lambda: self._install(*install), result=self.programs / "gatepass")

    def provide_packages(self, lock: str) -> None:
        """Everything of requirements/<lock>.txt, in an environment that is made if need be."""
        self.make()
        file = LOCKS / f"{lock}.txt"

        def install() -> None:
            say(f"installing {file.relative_to(ROOT)}" + ("" if self.folder.name == ".venv" else f" in {self.name}"))
            self._install("--require-hashes", "--requirement", file)

        once(self._stamp(lock), digest([file], self._version()), install, result=self.python)

    def make(self) -> None:
        """The environment itself, empty, unless it was made for this place with the interpreter that is there now."""
        with self._one:
            if self._is_whole():
                return
            say(f"making {self.name}")
            done = subprocess.run(
                [self.interpreter, "-m", "venv", "--clear", "--without-pip", self.folder],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                said = (done.stderr + done.stdout).strip()
                raise Failure(f"A virtual environment cannot be made in {self.folder}: {said}")

    @property
    def name(self) -> str:
        """As a person types it."""
        return str(self.folder.relative_to(ROOT) if self.folder.is_relative_to(ROOT) else self.folder)

    def _is_whole(self) -> bool:
        try:
            here = str(self.folder) in (self.folder / "pyvenv.cfg").read_text()
            return here and self._version() == _version_of(self.interpreter)
        except (OSError, subprocess.CalledProcessError):
            return False

    def _version(self) -> str:
        return _version_of(str(self.python))

    def _stamp(self, name: str) -> Path:
        return self.folder / "stamps" / name

    def _install(self, *what: str | Path) -> None:
        with self._one:
            uv = self._uv()
        if uv is not None:
            command = [str(part) for part in (uv, "pip", "install", "--quiet", "--python", self.python, *what)]
            done = subprocess.run(command, cwd=ROOT, env=self.variables(), capture_output=True, check=False)
            if done.returncode == 0:
                return
            say("uv did not get all of it; pip tries, with its own configuration")
        run(
            *(self.python, "-m", "pip", "install", "--quiet", *what),
            folder=ROOT,
            environment=self._with_pip(),
            advice=AGAIN.format(self.name),
        )

    def _uv(self) -> Path | None:
        """uv, installed if need be; None where there is none for this machine."""
        program, file = self.programs / ("uv.exe" if os.name == "nt" else "uv"), LOCKS / "uv.txt"

        def bring() -> None:
            install = (self.python, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:")
            command = [str(part) for part in (*install, "--require-hashes", "--requirement", file)]
            subprocess.run(command, env=self._with_pip(), capture_output=True, check=False)

        once(self._stamp("uv"), digest([file], self._version()), bring, result=program)
        return program if program.exists() else None

    def _with_pip(self) -> dict[str, str]:
        """The variables with which `python -m pip` finds the interpreter's own pip."""
        found = subprocess.run([self.interpreter, "-c", BUNDLED], capture_output=True, text=True, check=False)
        if found.returncode:
            raise Failure(f"{self.interpreter} lacks ensurepip; on Debian and Ubuntu: apt-get install python3-venv")
        return {**self.variables(), "PYTHONPATH": found.stdout.strip()}


def _version_of(interpreter: str) -> str:
    done = subprocess.run(
        [interpreter, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
