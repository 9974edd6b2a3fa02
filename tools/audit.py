"""Ask for known vulnerabilities of everything that is installed: pip-audit over the lock files, npm audit over web's.

Both need a network with an advisory source behind it. Where it answers for none or not for all, that is said and the
exit code is not 0: an audit that saw nothing found nothing. pip-audit gets an environment of its own, so that nothing
of it is ever among the locked packages.
"""

import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(file.stem for file in (ROOT / "requirements").glob("*.txt"))
UNSEEN = "could not be audited"


def main(arguments: Sequence[str]) -> int:
    """0 if every package was looked up and none has a known vulnerability. `arguments` go to pip-audit."""
    failed = [
        name for name, passes in (("pip-audit", audit_python(arguments)), ("npm audit", audit_web())) if not passes
    ]
    print(f"Not clean, or not seen: {', '.join(failed)}" if failed else "No known vulnerability.")
    return 1 if failed else 0


def audit_python(arguments: Sequence[str]) -> bool:
    """Whether nothing is known of any package of requirements/*.txt."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        programs = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin")
        installed = subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", "pip-audit"], check=False)
        if installed.returncode:
            return False
        verdicts = [_is_clean(lock, programs / "pip-audit", arguments) for lock in LOCKS]
        return all(verdicts)


def _is_clean(lock: str, program: Path, arguments: Sequence[str]) -> bool:
    file = ROOT / "requirements" / f"{lock}.txt"
    # Without pip: the file is a whole resolution, and nothing of it has to be downloaded to be looked up.
    command = [str(program), "--requirement", str(file), "--require-hashes", "--disable-pip", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(f"requirements/{lock}.txt\n{done.stdout}")
    return done.returncode == 0 and UNSEEN not in done.stdout


def audit_web() -> bool:
    """Whether nothing is known of any package of web/package-lock.json."""
    # --audit: web/.npmrc switches it off for installations.
    return subprocess.run(["npm", "audit", "--audit"], cwd=ROOT / "web", check=False).returncode == 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
