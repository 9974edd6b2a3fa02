"""Guards verify the access token of a request and give the application its principal. One file for each framework.

The same words in each: `current_principal`, `optional_principal`, `requires`.
"""
