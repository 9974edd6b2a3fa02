"""Guards put a verified principal before an application's routes. One file per framework, none imported here.

The same words in each: `current_principal`, `optional_principal`, `requires`.
"""
