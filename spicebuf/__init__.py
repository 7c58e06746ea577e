"""Transfer curves, static disciplines and log volumes of transistor-level components."""

from importlib.metadata import version

__version__ = version("spicebuf")
