"""AERAS reads shop cameras and tells how shoppers react to single products, keeping no picture."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("aeras")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+source"
