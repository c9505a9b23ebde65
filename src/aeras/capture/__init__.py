"""Camera to frames: one reader thread a camera, newest frame only, reconnect."""
