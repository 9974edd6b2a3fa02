"""Where a client keeps its session between two runs of a program."""
