"""`gatepass doctor`: checks a deployment and says how to fix what it finds."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import click

from gatepass.cli.common import env_file_option, json_option
from gatepass.doctor import Finding, examine

_LABELS = {"ok": ("ok", "green"), "advice": ("advice", "yellow"), "error": ("ERROR", "red")}


@click.command()
@click.option("--url", help="Also check from outside: the address that browsers use, such as https://example.com.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="The number given to `serve`."
)
@click.option("--strict", is_flag=True, help="Exit code 1 for advice, too.")
@json_option
@env_file_option
def doctor(url: str | None, workers: int, strict: bool, as_json: bool, env_file: Path | None) -> None:
    """Check a deployment. Exit code 1 if a finding is an error."""

    async def run() -> list[Finding]:
        found = []
        async for finding in examine(env_file=env_file, url=url, workers=workers):
            found.append(finding)
            if not as_json:
                _show(finding)
        return found

    found = asyncio.run(run())
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    failing = {"error", "advice"} if strict else {"error"}
    if any(finding.level in failing for finding in found):
        raise SystemExit(1)


def _show(finding: Finding) -> None:
    word, colour = _LABELS[finding.level]
    click.echo(f"{click.style(f'{word:7}', fg=colour)}{finding.check:11}{finding.message}")
    if finding.fix:
        click.echo(f"{'':18}→ {finding.fix}")
