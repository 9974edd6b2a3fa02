"""The endpoints of PROTOCOL §6, one file for each group."""
