"""Camera to frames: one reader thread a camera, newest frame only, reconnect."""

from aeras.capture.opening import open_source
from aeras.capture.source import CameraSource, CameraState

__all__ = ["CameraSource", "CameraState", "open_source"]
