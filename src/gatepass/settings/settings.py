"""Reads the settings: the environment counts, then the file `gatepass.env` in the working directory.

`gatepass init` writes that file. An unknown name is a fault with a suggestion: a misspelt security setting must not be
silently ignored.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from gatepass.environment import PREFIX, bare_names, has_file, overridden_names, read_file, read_names, unknown_names
from gatepass.errors import ConfigurationError
from gatepass.oidc.environment import is_of_provider, near_miss, read_providers
from gatepass.settings.faults import find_gaps, find_hidden, find_misfits
from gatepass.settings.groups import Groups

ENV_FILE = "gatepass.env"


class Settings(Groups):
    """The settings of a gate, as read. `arguments()` are those of Gatepass(...)."""

    @classmethod
    def load(cls, *, env_file: Path | None = None, public_url: str | None = None, given: Collection[str] = ()) -> Self:
        """Read the environment and the settings file. `public_url` is the default where none is set.

        `given` names the arguments of Gatepass(...) that are set in code: their settings may be missing, and are not
        checked. Raises ConfigurationError that lists every fault.
        """
        file = env_file or Path(ENV_FILE)
        if env_file is not None and not has_file(env_file):
            raise ConfigurationError(f"There is no settings file {env_file}.")
        in_file = read_file(file)
        known = [PREFIX + name.upper() for name in cls.model_fields]
        names = read_names(in_file)
        misspelt = [fault for name in sorted(names) if (fault := near_miss(name)) is not None]
        names_of_ours = {name for name in names if not (is_of_provider(name) or near_miss(name))}
        faults = misspelt + unknown_names(names_of_ours, known)
        if file.name == ENV_FILE:  # a file of another name may have settings of other programs
            faults += bare_names(in_file, known)
        overridden = dict.fromkeys(overridden_names(("secret", "secret_file"), in_file))
        try:
            settings = cls(_env_file=file, **overridden)  # type: ignore[call-arg, arg-type]
        except ValidationError as invalid:
            faults += [_sentence(fault) for fault in invalid.errors()]
            # On with the defaults in their place, to find the other faults too.
            wrong = {str(fault["loc"][0]) for fault in invalid.errors()}
            defaults = {name: cls.model_fields[name].default for name in wrong}
            settings = cls(_env_file=file, **defaults | overridden)  # type: ignore[call-arg]
        if settings.public_url is None and public_url is not None:
            settings = settings.model_copy(update={"public_url": public_url})
        found, of_providers = read_providers(names, in_file)
        settings._providers = tuple(found)
        faults += of_providers
        faults += find_gaps(settings, given) + find_hidden(settings, given) + find_misfits(settings, given)
        if faults:
            raise ConfigurationError("\n".join(faults))
        return settings

    def arguments(self, *, given: Collection[str] = ()) -> dict[str, Any]:
        """The arguments of Gatepass(...) that these settings mean, without those `given` in code.

        Raises ConfigurationError.
        """
        plain = {
            "public_url": self.public_url,
            "store": self.store_url,
            "sessions": self.sessions_url,
            "testing": self.testing,
        }
        return {
            **{name: value for name, value in plain.items() if name not in given},
            **{name: make() for name, make in self.groups().items() if name not in given},
        }


def _sentence(fault: Any) -> str:
    name = PREFIX + "_".join(str(part) for part in fault["loc"]).upper()
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}."
