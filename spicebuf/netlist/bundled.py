"""The templates that ship with the package."""

from pathlib import Path

from spicebuf.errors import InputError
from spicebuf.netlist.template import TEMPLATE_SUFFIX

_PACKAGE = Path(__file__).resolve().parent.parent


def bundled_folder() -> Path:
    """Return the folder of the bundled templates: the packaged one, else the checkout's."""
    packaged = _PACKAGE / "netlists"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "netlists"


def bundled_names() -> list[str]:
    """Names of the bundled templates, in alphabetical order."""
    return sorted(path.stem for path in bundled_folder().glob(f"*{TEMPLATE_SUFFIX}"))


def bundled_path(name: str) -> Path:
    """Return the file of a bundled template.

    Raises
    ------
    InputError
        If no bundled template has this name.
    """
    if name not in bundled_names():
        raise InputError(
            f"there is no bundled template {name!r}; there are {', '.join(bundled_names())}"
        )
    return bundled_folder() / f"{name}{TEMPLATE_SUFFIX}"
