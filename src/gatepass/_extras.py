"""Tells a package that is not installed from a defect of one that is: only the first is a reason to name an extra."""


def missing_extra(
    missing: ImportError, *packages: str, sentence: str, kind: type[Exception] = ImportError
) -> Exception:
    """What to raise where the import of an optional package failed: `kind(sentence)` if one of `packages` is missing.

    Any other ImportError, such as that of an installed package about one of its own parts, is returned as it is.
    """
    if not isinstance(missing, ModuleNotFoundError) or missing.name not in packages:
        return missing
    return kind(sentence)
