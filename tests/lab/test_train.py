"""The training package on faces drawn by rule: small enough to train in seconds."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml

from aeras.domain.errors import AerasError, ConfigError, InputError
from aeras.domain.seen import EXPRESSIONS, Face
from aeras.lab.train.augment import augment_batch
from aeras.lab.train.calibrate import calibrate
from aeras.lab.train.config import AugmentOptions, load_config
from aeras.lab.train.data import NO_LABEL, CropFolder, FerPlus, Split, Splits, read_votes
from aeras.lab.train.muscles import CHANNELS, PAIRS, of_pictures, standardise
from aeras.lab.train.public import AffectNet, RafDb
from aeras.lab.train.report import compare, sign_test
from aeras.lab.train.selftrain import align, frequencies
from aeras.perceive.expression import load_expression

CONFIG = {
    "name": "tiny",
    "seed": 3,
    "data": {"kind": "folder", "path": "faces"},
    "net": {"stem": 8, "widths": [8, 16], "depths": [1, 1], "dropout": 0.1, "drop_path": 0.1},
    "face_px": 32,
    "average": 0.9,
    "threads": 1,
    "augment": {"scale": 0.05, "rotate_deg": 5.0, "low_resolution": 0.1, "occlusion": 0.1},
    "stages": [{"name": "first", "epochs": 4, "batch": 16, "warmup_steps": 4}],
}


def drawn_face(kind: int, rng: np.random.Generator) -> np.ndarray:
    """A grating whose direction and width tell the class."""
    y, x = np.mgrid[:32, :32] / 32
    angle = np.pi * (kind % 4) / 4
    wave = np.sin(2 * np.pi * (2 + 3 * (kind // 4)) * (x * np.cos(angle) + y * np.sin(angle)))
    return np.clip(128 + 90 * wave + rng.normal(0, 8, (32, 32)), 0, 255).astype(np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Labelled drawn faces in `faces`, and the same kind without expressions in `others`."""
    rng = np.random.default_rng(0)
    for folder in ("faces", "others"):
        (tmp_path / folder).mkdir()
        with (tmp_path / folder / "labels.csv").open("w", newline="") as text:
            table = csv.writer(text)
            table.writerow(["file", "expression", "split", "race", "gender"])
            for i in range(160):
                name, split = f"{i:03}.png", "valid" if i % 5 == 0 else "train"
                cv2.imwrite(str(tmp_path / folder / name), drawn_face(i % 8, rng))
                table.writerow([name, EXPRESSIONS[i % 8], split, "ab"[i % 2], "mf"[i // 2 % 2]])
    return tmp_path


def write_config(folder: Path, **changes: object) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG | changes))
    return path


class WholePicture:
    """A detector for pictures that are nothing but a face."""

    def detect(self, image: np.ndarray) -> list[Face]:
        return [Face((0.0, 0.0, 32.0, 32.0), 1.0, np.zeros((5, 2), np.float32))]


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="training needs the extra: pip install aeras[train]")


@pytest.mark.extra
def test_a_run_learns_exports_and_leaves_a_record(torch, data, tmp_path):
    from aeras.lab.train.export import run_onnx
    from aeras.lab.train.run import train

    stages = [
        {"name": "first", "epochs": 8, "batch": 16, "warmup_steps": 4, "learning_rate": 0.01},
        {"name": "second", "epochs": 2, "batch": 16, "self_training": True, "teacher_share": 0.3},
    ]
    config = write_config(tmp_path, stages=stages, unlabelled={"path": "others"}, crop=1.0)
    record = train(
        config, resume=False, data_root=data, out_root=tmp_path / "out", detector=WholePicture()
    )
    folder = tmp_path / "out" / "tiny"
    assert record["epochs"][-1]["valid_accuracy"] > 0.5
    assert [note["stage"] for note in record["epochs"]] == ["first"] * 8 + ["second"] * 2
    assert record["exported"]["int8_agreement"] >= 0.9
    assert json.loads((folder / "record.json").read_text())["seed"] == 3
    faces = np.stack([drawn_face(k, np.random.default_rng(k)) for k in range(8)])
    right = run_onnx(folder / "expression-int8.onnx", faces).argmax(1) == np.arange(8)
    assert right.mean() > 0.5
    product = load_expression(str(folder / "expression-int8.onnx"))
    crops = [cv2.cvtColor(face, cv2.COLOR_GRAY2BGR) for face in faces]
    told = [EXPRESSIONS[e.probabilities.argmax()] for e in product.read_crops(crops)]
    assert [name == t for name, t in zip(EXPRESSIONS, told, strict=True)] == right.tolist()


@pytest.mark.extra
def test_a_run_that_was_cut_off_resumes_to_the_same_weights(torch, data, tmp_path, monkeypatch):
    from aeras.lab.train import run as runs
    from aeras.lab.train.calibrate import Calibration
    from aeras.lab.train.loop import Run

    monkeypatch.setattr(
        runs,
        "export",
        lambda run, folder, seed: runs.Exported(
            folder, folder, Calibration(1.0, 1.0, 0.0), 0.0, 1.0
        ),
    )
    config = write_config(tmp_path)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    runs.train(config, resume=False, data_root=data, out_root=whole)

    save = Run.save

    def save_then_die(run: Run) -> None:
        save(run)
        if run.epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "save", save_then_die)
    with pytest.raises(KeyboardInterrupt):
        runs.train(config, resume=False, data_root=data, out_root=cut)
    monkeypatch.setattr(Run, "save", save)
    with pytest.raises(InputError, match="holds a run already"):
        runs.train(config, resume=False, data_root=data, out_root=cut)
    runs.train(config, resume=True, data_root=data, out_root=cut)

    one, two = (torch.load(p / "tiny" / "first.pt") for p in (whole, cut))
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.extra
def test_a_stage_by_the_clock_ends_annealed_and_in_time(torch, data, tmp_path):
    from aeras.lab.train.config import StageOptions
    from aeras.lab.train.loop import _learning_rate

    options = StageOptions("s", minutes=1, learning_rate=1e-3, warmup_steps=10)
    rates = [_learning_rate(options, p, 100) for p in (0.0, 0.5, 1.0)]
    assert rates[0] == pytest.approx(1e-3, rel=0.01)
    assert rates[1] == pytest.approx(5e-4, rel=0.01)
    assert rates[2] < 1e-5
    assert _learning_rate(options, 0.0, 0) == pytest.approx(1e-4, rel=0.01)


@pytest.mark.extra
def test_a_shop_fine_tunes_on_its_own_faces_and_gets_a_report(torch, data, tmp_path):
    from aeras.lab.train.run import train

    out, stage = tmp_path / "out", {"name": "s", "epochs": 6, "batch": 16, "warmup_steps": 4}
    train(
        write_config(tmp_path, stages=[stage | {"learning_rate": 0.01}]),
        resume=False,
        data_root=data,
        out_root=out,
    )
    (out / "tiny" / "s.pt").rename(data / "faces" / "start.pt")
    own = {"name": "own", "start": "faces/start.pt", "mirrored": True, "compare": "expression"}
    tuned = [stage | {"name": "tuned", "epochs": 1, "learning_rate": 0.001}]
    record = train(
        write_config(tmp_path, stages=tuned, **own), resume=False, data_root=data, out_root=out
    )
    assert record["epochs"][0]["valid_accuracy"] > 0.5  # it began where the first run ended
    page = (out / "own" / "report.md").read_text()
    assert "32 labelled faces of the validation split" in page
    assert "the new network reads these faces better" in page
    _, before, after = next(row for row in page.splitlines() if "| accuracy |" in row).split("|")[
        1:4
    ]
    assert float(after) > float(before) + 20
    (data / "faces" / "start.pt").write_bytes(b"no weights")
    with pytest.raises(AerasError, match="not weights"):
        train(
            write_config(tmp_path, **own | {"name": "bad"}),
            resume=False,
            data_root=data,
            out_root=out,
        )


@pytest.mark.extra
def test_a_loss_that_is_no_number_and_a_broken_checkpoint_give_one_clear_error(
    torch, data, tmp_path
):
    from aeras.lab.train.run import train

    stages = [{"name": "s", "epochs": 1, "batch": 16, "warmup_steps": 1, "learning_rate": 1e30}]
    config = write_config(tmp_path, stages=stages)
    with pytest.raises(AerasError, match="the loss became nan in epoch 1 of stage 's'"):
        train(config, resume=False, data_root=data, out_root=tmp_path)
    (tmp_path / "tiny" / "checkpoint.pt").write_bytes(b"PK cut off")
    with pytest.raises(AerasError, match=r"checkpoint.pt: not weights"):
        train(config, resume=True, data_root=data, out_root=tmp_path)


@pytest.mark.extra
def test_the_shipped_file_can_be_trained_further(torch, tmp_path):
    from aeras.lab.train.loop import predict
    from aeras.lab.train.net import ExpressionNet
    from aeras.lab.train.revive import revive
    from aeras.perceive.registry import model_bytes

    config = load_config(Path(__file__).parents[2] / "src/aeras/lab/train/configs/own-shop.yaml")
    rng = np.random.default_rng(0)
    faces = np.stack([cv2.resize(drawn_face(k % 8, rng), (48, 48)) for k in range(64)])
    faces[:, :, 24:] = faces[:, :, 23::-1]  # the mirror image is the same, which the file may read
    shipped = load_expression("expression")
    expected = [e.probabilities for e in shipped.read_crops([cv2.merge([f] * 3) for f in faces])]
    net = ExpressionNet(config.net, 8)
    revive(net, model_bytes("expression"), faces[:, None].astype(np.float32), "expression")
    told = torch.from_numpy(predict(net, faces)).softmax(1).numpy()
    assert np.abs(told - expected).max() < 0.1
    assert np.abs(told - expected).mean() < 0.01
    net.train()
    with torch.no_grad():
        trained = net(torch.from_numpy(faces[:, None].astype(np.float32)))
    assert trained.isfinite().all()
    with pytest.raises(AerasError, match="not weights of a network of this config's shape"):
        revive(
            ExpressionNet(load_config(write_config(tmp_path)).net, 8),
            model_bytes("expression"),
            faces[:, None].astype(np.float32),
            "expression",
        )


@pytest.mark.extra
def test_a_mirrored_network_reads_a_face_and_its_mirror_image_alike(torch):
    from aeras.lab.train.config import NetOptions
    from aeras.lab.train.net import ExpressionNet, Mirrored

    torch.manual_seed(0)
    net = ExpressionNet(NetOptions(8, (8, 16), (1, 1)), 3).eval()
    faces = torch.rand(4, 1, 32, 32) * 255
    with torch.no_grad():
        both = Mirrored(net)(faces)
        assert torch.allclose(both, Mirrored(net)(faces.flip(3)), atol=1e-5)
        assert torch.allclose(both, (net(faces) + net(faces.flip(3))) / 2, atol=1e-5)


@pytest.mark.extra
def test_the_muscle_lesson_is_learnt_beside_the_expressions(torch, data, tmp_path, monkeypatch):
    from aeras.lab.train import run as runs

    def read(faces: np.ndarray, *_: object) -> np.ndarray:
        values = np.zeros((len(faces), CHANNELS), np.float32)
        values[:, 25] = faces[:, :16].mean((1, 2)) / 255  # as if a jaw opened
        values[::7] = np.nan
        return values

    heads = []
    monkeypatch.setattr(runs, "of_crops", read)
    monkeypatch.setattr(runs, "export", lambda run, folder, seed: heads.append(run.muscle_head))
    monkeypatch.setattr(runs, "_as_json", lambda exported: {})
    monkeypatch.setattr(runs, "_test", lambda run: {})
    stages = [{"name": "s", "epochs": 2, "batch": 16, "muscles": 0.5, "rarity": 0.3}]
    record = runs.train(
        write_config(tmp_path, stages=stages), resume=False, data_root=data, out_root=tmp_path
    )
    assert heads[0].out_features == 1
    assert heads[0].weight.isfinite().all()
    assert np.isfinite(record["epochs"][-1]["loss"])


def test_without_torch_the_error_says_what_to_install(tmp_path, monkeypatch):
    import aeras.lab.train

    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [n for n in sys.modules if n.startswith("aeras.lab.train.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(aeras.lab.train, "run", raising=False)
    with pytest.raises(ConfigError, match=r"needs torch.*pip install 'aeras\[train\]'"):
        aeras.lab.train.train(tmp_path / "config.yaml", resume=False)


def test_votes_are_read_as_the_ferplus_authors_do():
    votes = np.array(
        [
            [9, 1, 0, 0, 0, 0, 0, 0, 0, 0],  # a single vote is an outlier
            [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],  # nobody has more than half
            [0, 0, 0, 0, 0, 0, 0, 0, 8, 2],  # unknown leads
        ],
        np.uint8,
    )
    readable, targets, labels = read_votes(votes, 8)
    assert readable.tolist() == [True, True, False]
    assert targets[0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert targets[1, :2].tolist() == [0.5, 0.5]
    assert labels.tolist()[:2] == [0, NO_LABEL]


def test_a_training_face_seen_in_the_test_split_is_dropped(tmp_path):
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 255, (6, 6, 6), dtype=np.uint8)
    faces = np.stack([cv2.resize(f, (48, 48), interpolation=cv2.INTER_CUBIC) for f in faces])
    images = np.concatenate([faces, faces[:1], faces[1:2, :, ::-1]])  # a copy and a mirror image
    votes = np.tile(np.array([10, 0, 0, 0, 0, 0, 0, 0, 0, 0], np.uint8), (8, 1))
    split = np.array([0, 0, 0, 0, 0, 0, 2, 2], np.uint8)
    np.savez(
        tmp_path / "f.npz", images=images, votes=votes, split=split, duplicate=np.zeros(8, bool)
    )
    splits = FerPlus(tmp_path / "f.npz").load(EXPRESSIONS, 48)
    assert (len(splits.train), len(splits.test)) == (4, 2)


def test_augmented_faces_are_grey_levels_of_the_asked_size_and_repeatable():
    faces = np.stack([drawn_face(i % 8, np.random.default_rng(i)) for i in range(200)])
    strong = AugmentOptions(low_resolution=0.9, motion_blur=0.9, noise=0.9, occlusion=1.0)
    one, two = (augment_batch(faces, strong, np.random.default_rng(5), 16) for _ in range(2))
    assert one.shape == (200, 1, 16, 16)
    assert one.min() >= 0
    assert one.max() <= 255
    assert np.array_equal(one, two)


class SureRun:
    """Names every class rightly and surely, while only 6 of 10 people agree."""

    config = SimpleNamespace(face_px=32, augment=AugmentOptions())

    def __init__(self) -> None:
        labels = np.arange(80) % 8
        images = np.stack([drawn_face(k, np.random.default_rng(k)) for k in labels])
        votes = np.full((80, 8), 0.4 / 7, np.float32)
        votes[np.arange(80), labels] = 0.6
        self.splits = SimpleNamespace(valid=Split(images, votes, labels))
        self.adjustment = SimpleNamespace(numpy=lambda: np.zeros(8, np.float32))

    def raw_logits(self, images: np.ndarray) -> np.ndarray:
        return np.eye(8, dtype=np.float32)[self.splits.valid.labels] * 4


def test_calibration_makes_a_network_as_sure_as_people_agree():
    chosen = calibrate(SureRun(), np.random.default_rng(0))
    confidence = np.exp(4 / chosen.temperature) / (np.exp(4 / chosen.temperature) + 7)
    assert confidence == pytest.approx(0.6, abs=0.03)
    assert chosen.gap < 0.03
    assert chosen.prior_share == 0.0  # giving the prior back gains nothing here


def test_alignment_gives_groups_of_one_reference_the_same_mean_reading():
    rng = np.random.default_rng(0)
    readings = rng.dirichlet(np.ones(8), 400).astype(np.float32)
    groups, references = np.arange(400) % 4, np.arange(400) % 4 // 2
    readings[groups == 1, 4] *= 3
    readings /= readings.sum(1, keepdims=True)
    aligned = align(readings, groups, references, 1.0)
    assert aligned.sum(1) == pytest.approx(1, abs=1e-5)
    assert np.abs(aligned[groups == 0].mean(0) - aligned[groups == 1].mean(0)).max() < 0.005
    assert align(readings, groups, references, 0.0) == pytest.approx(readings, abs=1e-6)


def test_rare_expressions_are_shown_more_often():
    targets = np.eye(2, dtype=np.float32)[[0] * 9 + [1]]
    often = frequencies(targets, 0.5)
    assert often.mean() == pytest.approx(1)
    assert often[9] / often[0] == pytest.approx(3)
    assert frequencies(targets, 0.0) == pytest.approx(1)


def test_the_muscle_lesson_is_the_same_for_the_mirror_image():
    rng = np.random.default_rng(0)
    values = rng.random((50, CHANNELS), dtype=np.float32)
    values[:, 50:] = 0.001  # dead, as noseSneer is
    values[3] = np.nan
    mirrored = values.copy()
    for left, right in PAIRS:
        mirrored[:, [left, right]] = values[:, [right, left]]
    lesson = standardise(values)
    assert lesson.shape == (50, CHANNELS - 2)
    assert lesson == pytest.approx(standardise(mirrored), abs=1e-4, nan_ok=True)
    assert np.isnan(lesson).any(1).nonzero()[0].tolist() == [3]
    assert np.nanstd(lesson, axis=0) == pytest.approx(1, abs=0.01)


def test_muscles_of_a_picture_without_landmarks_are_unknown_and_kept(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), drawn_face(1, np.random.default_rng(0)))
    paths, cache = [tmp_path / "a.png"], tmp_path / "m.npy"
    assert np.isnan(of_pictures(paths, WholePicture(), cache)).all()
    with pytest.raises(InputError, match="holds 1 faces, expected 2"):
        of_pictures(paths * 2, WholePicture(), cache)
    with pytest.raises(InputError, match=r"gone.png: not a readable picture"):
        of_pictures([tmp_path / "gone.png"], WholePicture(), tmp_path / "other.npy")


def test_a_report_without_held_out_faces_says_so():
    none = Split(np.zeros((0, 32, 32), np.uint8), np.zeros((0, 8), np.float32), np.zeros(0, int))
    page = compare("expression", "expression", Splits(none, none, none), EXPRESSIONS)
    assert "No face was held out" in page


def test_a_report_on_the_same_network_finds_no_difference():
    rng = np.random.default_rng(0)
    faces = Split(
        np.stack([drawn_face(k, rng) for k in range(8)]), np.eye(8, dtype=np.float32), np.arange(8)
    )
    page = compare("expression", "expression", Splits(faces, faces, faces), EXPRESSIONS)
    assert "8 labelled faces of the test split" in page
    assert "no difference that could not be chance" in page
    assert "Fewer than 100 faces" in page


def test_the_sign_test_is_that_of_fair_coins():
    assert sign_test(0, 0) == sign_test(4, 4) == 1
    assert sign_test(0, 5) == pytest.approx(2 / 32)
    assert sign_test(9, 1) == pytest.approx(2 * 11 / 1024)
    assert sign_test(900, 900) == 1


def test_rafdb_is_read_from_its_own_layout(tmp_path):
    (tmp_path / "EmoLabel").mkdir()
    (tmp_path / "Image" / "aligned").mkdir(parents=True)
    names = [f"train_{i:05}.jpg" for i in range(1, 11)] + ["test_0001.jpg"]
    for name in names:
        picture = tmp_path / "Image" / "aligned" / name.replace(".jpg", "_aligned.jpg")
        cv2.imwrite(str(picture), drawn_face(1, np.random.default_rng(0)))
    listing = tmp_path / "EmoLabel" / "list_patition_label.txt"
    listing.write_text("".join(f"{name} {1 + i % 7}\n" for i, name in enumerate(names)))
    splits = RafDb(tmp_path).load(EXPRESSIONS, 48)
    assert [len(s) for s in (splits.train, splits.valid, splits.test)] == [9, 1, 1]
    told = [EXPRESSIONS[label] for label in splits.train.labels[:7]]
    assert told == ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]
    listing.write_text("train_00001.jpg 8\n")
    with pytest.raises(InputError, match=r"label 1\.\.7"):
        RafDb(tmp_path).load(EXPRESSIONS, 48)


def test_affectnet_is_read_from_its_own_layout(tmp_path):
    for part in ("train_set", "val_set"):
        (tmp_path / part / "images").mkdir(parents=True)
        (tmp_path / part / "annotations").mkdir()
        for label in range(10):
            np.save(tmp_path / part / "annotations" / f"{label}_exp.npy", str(label))
            picture = tmp_path / part / "images" / f"{label}.jpg"
            cv2.imwrite(str(picture), drawn_face(1, np.random.default_rng(0)))
    test = AffectNet(tmp_path).load(EXPRESSIONS, 48).test
    order = "neutral happiness sadness surprise fear disgust anger contempt"
    assert [EXPRESSIONS[label] for label in test.labels] == order.split()
    with pytest.raises(InputError, match=r"no \*_exp.npy"):
        AffectNet(tmp_path / "none").load(EXPRESSIONS, 48)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (None, "has no labels.csv"),
        ("file,expression\n", "given no row"),
        ("file,mood\na.png,fear\n", "expected the columns expression,file"),
        ("file,expression\na.png,joy\n", "labels.csv:2: unknown expression 'joy'"),
        ("file,expression\nb.png,fear\n", "b.png: not a readable picture"),
        ("file,expression\nflat.png,fear\n", "flat.png: the picture has one constant level"),
        ("file,expression,split\na.png,fear,test\n", "no face is in the split 'train'"),
    ],
)
def test_unusable_folders_give_one_clear_error(tmp_path, rows, says):
    cv2.imwrite(str(tmp_path / "a.png"), drawn_face(1, np.random.default_rng(0)))
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((20, 20), 90, np.uint8))
    if rows is not None:
        (tmp_path / "labels.csv").write_text(rows)
    with pytest.raises(InputError, match=says):
        CropFolder(tmp_path).load(EXPRESSIONS, 32)


def test_an_empty_folder_and_a_missing_file_give_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="empty, or not a folder"):
        CropFolder(tmp_path).load(EXPRESSIONS, 32)
    with pytest.raises(InputError, match="no such file"):
        FerPlus(tmp_path / "none.npz").load(EXPRESSIONS, 48)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sede": 1}, "unknown key 'sede'"),
        ({"seed": "one"}, "seed: expected int, given 'one'"),
        ({"stages": [{"name": "s"}]}, "give either epochs or minutes"),
        ({"stages": []}, "at least one"),
        ({"data": {"kind": "zip", "path": "x"}}, "one of ferplus, folder"),
        ({"data": {"kind": "folder"}}, "missing key 'data.path'"),
        ({"face_px": 50}, "multiples of 16"),
        ({"stages": [{"name": "s", "epochs": 1, "self_training": True}]}, "no teacher yet"),
        ({"stages": [{"name": "s", "epochs": 1, "teachers": ["t"]}]}, "'t' is no stage before"),
    ],
)
def test_config_errors_name_the_file_and_the_key(tmp_path, changes, says):
    path = write_config(tmp_path, **changes)
    with pytest.raises(ConfigError, match=says) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


def test_a_shipped_recipe_is_found_by_its_name():
    assert load_config(Path("own-shop")).start == "expression"
    with pytest.raises(ConfigError, match="no-such-shop"):
        load_config(Path("no-such-shop"))


def test_every_shipped_config_is_valid():
    folder = Path(__file__).parents[2] / "src/aeras/lab/train/configs"
    configs = sorted(folder.glob("*.yaml"))
    assert configs
    for path in configs:
        try:
            load_config(path)
        except AerasError as error:  # the name of the file belongs into the failure
            pytest.fail(str(error))
