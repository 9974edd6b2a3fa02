"""`gatepass doctor`: what is wrong with a deployment, and what to do about it."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import click

from gatepass.cli.common import env_file_option, json_option
from gatepass.doctor import Finding, examine

_SIGNS = {"ok": ("ok", "green"), "advice": ("advice", "yellow"), "fault": ("FAULT", "red")}


@click.command()
@click.option("--url", help="Also look from outside: the address that browsers use, such as https://example.com.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="As given to `serve`.")
@click.option("--strict", is_flag=True, help="Advice too makes the exit code 1.")
@json_option
@env_file_option
def doctor(url: str | None, workers: int, strict: bool, as_json: bool, env_file: Path | None) -> None:
    """Check a deployment. Exit code 1 if something must be mended."""

    async def look() -> list[Finding]:
        found = []
        async for finding in examine(env_file=env_file, url=url, workers=workers):
            found.append(finding)
            if not as_json:
                _show(finding)
        return found

    found = asyncio.run(look())
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    bad = {"fault", "advice"} if strict else {"fault"}
    if any(finding.level in bad for finding in found):
        raise SystemExit(1)


def _show(finding: Finding) -> None:
    word, colour = _SIGNS[finding.level]
    click.echo(f"{click.style(f'{word:7}', fg=colour)}{finding.check:11}{finding.says}")
    if finding.do:
        click.echo(f"{'':18}→ {finding.do}")
