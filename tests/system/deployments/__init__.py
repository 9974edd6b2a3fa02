"""The deployments of the guides, run: the very files of `deploy/`, with other ports and paths."""
