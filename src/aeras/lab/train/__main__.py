"""`python -m aeras.lab.train CONFIG [--resume]`, for an environment that has torch but no typer."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from aeras.lab.train.run import train


def main() -> None:
    """Runs one config; progress goes to standard error."""
    parser = argparse.ArgumentParser(prog="python -m aeras.lab.train", description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--resume", action="store_true", help="continue where the run stopped")
    parser.add_argument("--data", type=Path, help="default: $AERAS_DATA, else ./data")
    parser.add_argument("--out", type=Path, help="default: ./var/train")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(given.config, resume=given.resume, data_root=given.data, out_root=given.out)


if __name__ == "__main__":
    main()
