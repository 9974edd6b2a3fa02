"""Ann, who has an account, at a terminal."""

from click.testing import CliRunner, Result

from gatepass.cli import main
from gatepass.cli.login_files import choose
from gatepass.client.storage.file import FileStorage
from tests.client.harness import PASSWORD

EMAIL = "ann@example.com"


def call(*arguments: str, stdin: str = "") -> Result:
    """Run one command in this process."""
    return CliRunner().invoke(main, arguments, input=stdin)


def sign_in(url: str) -> FileStorage:
    """Sign ann in; the session file."""
    done = call("login", url, "--email", EMAIL, stdin=f"{PASSWORD}\n")
    assert (done.exit_code, done.stderr) == (0, "")
    return choose(url).storage
