"""Build the demo actors' assets: chosen face composites, their index, and their landmarks.

The renderer of the demo videos needs facial landmarks, but must not need a model at run time.
This script computes them once with MediaPipe's face mesh and writes everything the renderer
reads. Run it only when the choice of actors changes:

    python tools/build_demo_actors.py COMPOSITES_DIR face_landmarker.task \
        src/aeras/lab/assets/actors
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

CHOSEN = (
    "black-female-20-39",
    "black-male-20-39",
    "east_asian-female-20-39",
    "east_asian-male-20-39",
    "indian-female-20-39",
    "indian-male-20-39",
    "latino_hispanic-female-20-39",
    "latino_hispanic-male-40plus",
    "middle_eastern-female-20-39",
    "middle_eastern-male-20-39",
    "southeast_asian-female-20-39",
    "southeast_asian-male-20-39",
    "white-female-20-39",
    "white-male-40plus",
)
EXPRESSIONS = ("neutral", "happiness")
MESH_SIZE_PX = 256
PAD_PX = 40
"""Border round a composite, so the face fills the mesh's input as its training crops did."""
FIXED_POINT = 64
"""Landmarks are stored as int16 in 1/64 px: exact enough, and a fifth of float32's size."""


def load_mesh(task: Path) -> Interpreter:
    """Return the face-mesh interpreter packed in a MediaPipe ``.task`` file."""
    with zipfile.ZipFile(task) as archive:
        content = archive.read("face_landmarks_detector.tflite")
    mesh = Interpreter(model_content=content)
    mesh.allocate_tensors()
    return mesh


def landmarks_px(mesh: Interpreter, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the 478 mesh points of a face that fills `image`.

    Args:
        mesh: The face-mesh interpreter.
        image: BGR, uint8, square.

    Returns:
        Points, shape (478, 2), float32, pixels of `image`.
    """
    padded = cv2.copyMakeBorder(image, *(PAD_PX,) * 4, cv2.BORDER_REPLICATE)
    side = padded.shape[0]
    rgb = cv2.cvtColor(cv2.resize(padded, (MESH_SIZE_PX, MESH_SIZE_PX)), cv2.COLOR_BGR2RGB)
    mesh.set_tensor(mesh.get_input_details()[0]["index"], rgb[None].astype(np.float32) / 255)
    mesh.invoke()
    raw = mesh.get_tensor(mesh.get_output_details()[0]["index"]).reshape(-1, 3)
    points: npt.NDArray[np.float32] = raw[:, :2] * (side / MESH_SIZE_PX) - PAD_PX
    return points


def main() -> None:
    """Copy the chosen composites and write ``index.json`` and ``landmarks.npz``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("composites", type=Path, help="folder with index.csv and the JPEGs")
    parser.add_argument("task", type=Path, help="face_landmarker.task")
    parser.add_argument("out", type=Path, help="folder the assets are written to")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    mesh = load_mesh(args.task)
    with (args.composites / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    index: list[dict[str, object]] = []
    points: dict[str, npt.NDArray[np.int16]] = {}
    for actor in CHOSEN:
        for expression in EXPRESSIONS:
            name = f"{actor}-{expression}.jpg"
            shutil.copyfile(args.composites / name, args.out / name)
            row = rows[name]
            index.append({**row, "faces_averaged": int(row["faces_averaged"]), "actor": actor})
            image = cv2.imread(str(args.composites / name))
            if image is None:
                raise SystemExit(f"{args.composites / name}: not a readable image")
            fixed = np.rint(landmarks_px(mesh, image.astype(np.uint8)) * FIXED_POINT)
            points[name.removesuffix(".jpg")] = fixed.astype(np.int16)
    (args.out / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    np.savez_compressed(args.out / "landmarks.npz", **points)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
