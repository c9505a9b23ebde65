"""The parts of the shop simulator, see ``aeras.lab.simulate``."""
