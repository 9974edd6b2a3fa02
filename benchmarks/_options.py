"""The option that every benchmark has: --short, for a run of seconds that only shows that it still runs."""

import argparse


def parse(parser: argparse.ArgumentParser, **short: object) -> argparse.Namespace:
    """The options of this run. `short` are the defaults under --short; what is typed beside it still counts."""
    parser.add_argument("--short", action="store_true", help="a few seconds: shows that it runs, and measures nothing")
    if parser.parse_known_args()[0].short:
        parser.set_defaults(**short)
    return parser.parse_args()
