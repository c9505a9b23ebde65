"""Topics of answers: found in several languages at once, be they few or many, and labelled."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from aeras.cli import app
from aeras.domain.errors import InputError
from aeras.insight.topics.embed import Vectors, embed
from aeras.insight.topics.fit import NONE, FitOptions, fit
from aeras.insight.topics.languages import detect
from aeras.lab.topics import mutual_information, rand_index, read_columns, score_file

ANSWERS = [
    ("price", "en", "far too expensive for what it is"),
    ("price", "en", "the price is too high"),
    ("price", "en", "it costs more than in other shops"),
    ("price", "en", "too much money for such a small bottle"),
    ("price", "de", "viel zu teuer für so wenig"),
    ("price", "de", "der Preis ist zu hoch"),
    ("price", "de", "in anderen Läden kostet es weniger"),
    ("price", "es", "es demasiado caro para lo que es"),
    ("price", "es", "el precio es muy alto"),
    ("price", "es", "en otras tiendas cuesta menos dinero"),
    ("taste", "en", "I do not like the taste"),
    ("taste", "en", "it tastes far too sweet"),
    ("taste", "en", "the flavour is awful, much too sweet"),
    ("taste", "en", "the taste is too sour for me"),
    ("taste", "de", "der Geschmack gefällt mir nicht"),
    ("taste", "de", "es schmeckt viel zu süß"),
    ("taste", "de", "schmeckt mir leider zu sauer"),
    ("taste", "es", "no me gusta el sabor"),
    ("taste", "es", "sabe demasiado dulce"),
    ("taste", "es", "el sabor es muy ácido para mí"),
    ("staff", "en", "the staff was friendly and helped me"),
    ("staff", "en", "a very kind employee explained everything"),
    ("staff", "en", "nobody of the staff was there to help me"),
    ("staff", "en", "the shop assistant was rude to me"),
    ("staff", "de", "das Personal war freundlich und hat mir geholfen"),
    ("staff", "de", "die Mitarbeiterin hat alles sehr nett erklärt"),
    ("staff", "de", "der Verkäufer war unfreundlich zu mir"),
    ("staff", "es", "el personal fue amable y me ayudó"),
    ("staff", "es", "una empleada muy simpática me explicó todo"),
    ("staff", "es", "el vendedor fue grosero conmigo"),
]
TRUTH, LANGUAGES, TEXTS = ([row[part] for row in ANSWERS] for part in range(3))


def write(path: Path, rows: list[tuple[str, str]], head: str = "text,label") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(head + "\n")
        csv.writer(file).writerows(rows)
    return path


def test_three_topics_in_three_languages_are_found() -> None:
    topics = fit(TEXTS, LANGUAGES)
    assert 3 <= len(topics.labels) <= 4
    assert mutual_information(TRUTH, topics.of) > 0.8
    assert mutual_information(LANGUAGES, topics.of) < 0.15
    assert topics.unclustered < 0.1
    assert topics.centroids.shape == (len(topics.labels), 512)
    assert sum(len(topics.members(one)) for one in range(len(topics.labels))) == 30
    again = fit(TEXTS, LANGUAGES)
    assert again.of.tolist() == topics.of.tolist()


def test_a_label_is_in_the_readers_language_and_of_words_that_many_used() -> None:
    topics = fit(TEXTS, LANGUAGES)
    taste = int(topics.of[TEXTS.index("no me gusta el sabor")])
    assert "sabor" in topics.label(taste, "es")
    assert "taste" in topics.label(taste, "en")
    assert topics.label(taste, "pl") == next(iter(topics.labels[taste].values()))
    strict = fit(TEXTS, LANGUAGES, options=FitOptions(least_texts=31))
    assert {strict.label(one, "en") for one in range(len(strict.labels))} == {""}


def test_languages_are_told_without_a_model() -> None:
    assert sum(a == b for a, b in zip(detect(TEXTS), LANGUAGES, strict=True)) >= 28
    assert detect(
        ["すべて の アラーム", "값이 너무 비싸요", "очень дорого", "太贵了", "🙂🙂", "12.50"]
    ) == [
        *("ja", "ko", "ru", "zh", "und", "und"),
    ]


def test_a_few_answers_alike_in_letters_only_count_as_said_often() -> None:
    topics = fit(["Too dear!"] * 40 + ["too  DEAR!", "too dear!"])
    assert topics.of.tolist() == [0] * 42
    assert topics.label(0, "en")


@pytest.mark.parametrize(
    ("texts", "clusters"),
    [
        (["only one answer"], 0),
        (["", "  "], 0),
        (["too expensive", "", "far too expensive"], 1),
        (["🙂", "🙁", "🙂🙂", "👍", "🙂", "💸", "🙂", "👎", "👍👍"], None),
        (["x" * 1_000_000, "word " * 200_000, *TEXTS], None),
    ],
)
def test_odd_answers_break_nothing(texts: list[str], clusters: int | None) -> None:
    topics = fit(texts)
    assert len(topics.of) == len(texts)
    assert clusters is None or len(topics.labels) == clusters
    assert all(topics.of[at] == NONE for at, text in enumerate(texts) if not text.strip())
    assert np.isfinite(topics.confidence).all()


def test_more_than_the_sample_follow_their_nearest() -> None:
    centres = np.random.default_rng(0).normal(size=(4, 512))

    def made_up(texts: list[str]) -> Vectors:
        rows = [
            centres["abcd".index(text[0])]
            + np.random.default_rng(list(text.encode())).normal(size=512)
            for text in texts
        ]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)

    truth = [at % 4 for at in range(900)]
    texts = [f"{'abcd'[kind]}bcd answer {at}" for at, kind in enumerate(truth)]
    topics = fit(texts, ["en"] * 900, options=FitOptions(sample=200), embedder=made_up)
    assert mutual_information(truth, topics.of) > 0.9
    assert topics.unclustered < 0.02


def test_two_processes_give_the_same_vectors() -> None:
    assert np.allclose(embed(TEXTS, processes=2), embed(TEXTS, processes=1), atol=1e-3)


def test_scores_by_hand() -> None:
    assert mutual_information([*"aabb"], [1, 1, 0, 0]) == pytest.approx(1.0)
    assert mutual_information([*"aabb"], [0, 1, 0, 1]) == pytest.approx(0.0)
    assert mutual_information([*"aabb"], [0, 0, 1, 2]) == pytest.approx(
        0.8
    )  # ln 2 / mean(1, 1.5 ln 2)
    assert np.isnan(mutual_information([*"aaaa"], [0, 0, 0, 0]))
    assert rand_index([*"aabb"], [1, 1, 0, 0]) == pytest.approx(1.0)
    assert rand_index([*"aabb"], [0, 0, 1, 2]) == pytest.approx(4 / 7)  # (1 - 1/3) / (3/2 - 1/3)


def test_the_command_tells_all_figures_and_baselines(tmp_path: Path) -> None:
    rows = list(zip(TEXTS, TRUTH, strict=True))
    path = write(tmp_path / "answers.csv", rows)
    told = CliRunner().invoke(
        app,
        [
            "lab",
            "topics",
            str(path),
            *("--text", "text", "--label", "label"),
            "--baselines",
            "--json",
        ],
    )
    assert told.exit_code == 0, told.output
    figures = json.loads(told.stdout)
    assert {
        "n",
        "clusters",
        "NMI",
        "ARI",
        "NMI_language",
        "unclustered",
        "seconds",
    } <= figures.keys()
    assert figures["n"] == 30
    assert figures["languages"] == "detected"
    assert figures["baselines"]["TF-IDF + NMF"]["NMI"] < figures["NMI"]
    assert figures["baselines"]["embedding + Ward"]["clusters_given"] == 3


def test_texts_left_out_are_not_for_free(tmp_path: Path) -> None:
    path = write(tmp_path / "one.csv", [("only one answer", "price")])
    figures = score_file(path, text="text", label="label")
    assert figures["unclustered"] == 1.0
    assert figures["clusters"] == 0
    assert figures["NMI"] is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no column text, label; found no head line"),
        ("text,label\n", "a head line and no row"),
        ("answer,topic\na,b\n", "no column text, label; found answer, topic"),
        ("text,label\n,price\n", "the column text holds no text"),
        (b"text,label\n\xff\xfe,b\n", "not a readable CSV file in UTF-8"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        score_file(path, text="text", label="label")
    with pytest.raises(InputError, match="not a readable"):
        score_file(tmp_path / "none.csv", text="text", label="label")


def test_semicolons_a_mark_and_a_field_of_a_megabyte_are_read(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_text(f"\ufefftext;label\n{'x' * 1_000_000};price\n", encoding="utf-8")
    texts, labels = read_columns(path, ["text", "label"])
    assert (len(texts[0]), labels) == (1_000_000, ["price"])


@pytest.mark.shared
@pytest.mark.parametrize("given", [True, False])
def test_five_languages_of_real_requests(shared: Path, given: bool) -> None:
    with (shared / "data" / "text" / "multilingual.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::2]
    truth, languages = [row["label"] for row in rows], [row["language"] for row in rows]
    topics = fit([row["text"] for row in rows], languages if given else None)
    assert mutual_information(truth, topics.of) >= 0.74
    assert mutual_information(languages, topics.of) <= 0.06
    assert topics.unclustered <= 0.05
