"""Plays scenarios and prints a line for each, also for those that fail: `python -m tests.system.faults [WORD ...]`.

A word selects the scenarios whose title contains it; without one all are played.
"""

import asyncio
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from tests.system.faults.scenario import SCENARIOS, Stage


async def main(words: list[str]) -> None:
    """Play the selected scenarios."""
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        import_module(f"tests.system.faults.{file.stem}")
    chosen = {
        name: play
        for name, (title, play) in SCENARIOS.items()
        if not words or any(word.lower() in title.lower() for word in words)
    }
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(chosen, Path(folder))
        try:
            for name in chosen:
                try:
                    verdict = await stage.verdict(name)
                    print(verdict, *verdict.unexpected[:3], flush=True)
                except Exception as fault:
                    print(f"{SCENARIOS[name][0]}: did not end: {fault!r}", flush=True)
        finally:
            await stage.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
