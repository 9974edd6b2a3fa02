"""`python -m gatepass` is the command `gatepass`."""

from gatepass.cli import main

main()
