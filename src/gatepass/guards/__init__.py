"""Guards verify the access token of a request and give the application its principal. One file for each framework.

The same words in each: `current_principal`, `optional_principal`, `requires`.
"""


def missing_extra(missing: ModuleNotFoundError, *packages: str, install: str) -> ImportError:
    """What a guard raises where its framework is not installed.

    `packages`: the framework, then what comes with it. Another missing module is a defect, and stays as it is.
    """
    if (missing.name or "").partition(".")[0] not in packages:
        return missing
    return ImportError(f"This guard needs {packages[0]}: pip install '{install}'", name=packages[0])
