"""``aeras lab ...``: evaluation, simulation, training and benchmarks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from aeras.cli_common import JsonOpt, SiteArg, json_line, out, print_plain, say, show

lab = typer.Typer(no_args_is_help=True, help="Evaluation, simulation and training tools.")


@lab.command()
def replay(
    site: SiteArg,
    *,
    camera: Annotated[str, typer.Option(help="Camera id from the site file.")],
    video: Annotated[Path, typer.Option(help="Video file to read in its place.")],
    fps: Annotated[float | None, typer.Option(help="Analysed frames a second.", min=0.1)] = None,
    trace: Annotated[bool, typer.Option(help="Also print a reading a frame.")] = False,
    as_json: JsonOpt = False,
) -> None:
    """Reads a video as if it came from a camera of the site; prints interactions, stores nothing.

    Example:  `aeras lab replay site.yaml --camera aisle-1 --video clip.mp4 --json`
    """
    from aeras.config import check_privacy, load_site
    from aeras.lab.replay import replay as replay_video

    loaded = load_site(site)
    check_privacy(loaded, replay=True)
    tell = json_line if as_json else _say_line
    summary = replay_video(loaded, camera, video, fps=fps, trace=trace, on_interaction=tell)
    tell(summary.line())


@lab.command()
def expression(
    images: Annotated[Path, typer.Argument(help="Folder of pictures.", metavar="IMAGES_DIR")],
    labels: Annotated[
        Path, typer.Argument(help="CSV with the columns file,expression.", metavar="LABELS.csv")
    ],
    *,
    model: Annotated[str, typer.Option(help="Name or ONNX file.")] = "expression",
    detect: Annotated[bool, typer.Option("--detect", help="Find the faces first.")] = False,
    downscale: Annotated[int, typer.Option(help="Shrink faces to this many pixels first.")] = 0,
    jpeg: Annotated[int, typer.Option(help="Compress at this quality first.")] = 0,
    as_json: JsonOpt = False,
) -> None:
    """Scores an expression model on labelled faces.

    Example:  `aeras lab expression faces/ labels.csv --detect --downscale 24 --jpeg 60 --json`
    """
    from aeras.lab.expression import Degradation, evaluate_folder

    degradation = Degradation(downscale_px=downscale, jpeg=jpeg)
    scores = evaluate_folder(images, labels, model=model, detect=detect, degradation=degradation)
    show(scores, as_json=as_json)


@lab.command()
def audit(
    images: Annotated[Path, typer.Argument(help="Folder of pictures.", metavar="IMAGES_DIR")],
    labels: Annotated[
        Path, typer.Argument(help="CSV: file, the group, maybe expression.", metavar="LABELS.csv")
    ],
    *,
    group: Annotated[str, typer.Option(help="Column to compare, such as race, gender or age.")],
    model: Annotated[str, typer.Option(help="Name or ONNX file.")] = "expression",
    margin: Annotated[float, typer.Option(help="Gap allowed in negative readings.")] = 0.03,
    downscale: Annotated[int, typer.Option(help="Shrink faces to this many pixels first.")] = 0,
    jpeg: Annotated[int, typer.Option(help="Compress at this quality first.")] = 0,
    surround: Annotated[
        bool, typer.Option("--surround", help="Put each picture into a larger grey one.")
    ] = False,
    sample: Annotated[int, typer.Option(help="Only so many of each group.", min=0)] = 0,
    seed: Annotated[int, typer.Option(help="Of the sample and the intervals.")] = 0,
    gate: Annotated[bool, typer.Option("--gate", help="Exit 1 where a gap is too wide.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write a report to this file.")] = None,
    as_json: JsonOpt = False,
) -> None:
    """Compares how often faces of each group are found, read, and read as negative.

    Example:  `aeras lab audit faces/ labels.csv --group race --gate --html audit.html --json`
    """
    from aeras.domain.ports import utc_now
    from aeras.lab.audit import AuditOptions, audit_folder
    from aeras.lab.audit_report import check_writable, in_words, write_report
    from aeras.lab.expression import Degradation

    check_writable(html)
    result = audit_folder(
        images,
        labels,
        group=group,
        now=utc_now(),
        model=model,
        degradation=Degradation(downscale_px=downscale, jpeg=jpeg),
        surround=surround,
        options=AuditOptions(margin=margin, sample=sample, seed=seed),
    )
    if html:
        write_report(result, html)
    if as_json:
        json_line(result)
    else:
        print_plain(in_words(result))
    if gate and not result["gate"]["passed"]:
        raise typer.Exit(1)


@lab.command("limits")
def measure_limits(
    ferplus: Annotated[Path, typer.Argument(help="npz file of FER+.", metavar="FERPLUS.npz")],
    *,
    model: Annotated[str, typer.Option(help="Name or ONNX file.")] = "expression",
    most_wrong: Annotated[
        float, typer.Option(help="Share of kept readings that may be wrong.", min=0.01, max=0.5)
    ] = 0.06,
    faces: Annotated[int, typer.Option(help="How many are made worse.", min=50)] = 400,
    file: Annotated[
        Path | None, typer.Option("--out", help="Default: where the product looks for it.")
    ] = None,
) -> None:
    """Measures down to which quality faces can be read, and writes the limits the product keeps to.

    Run it whenever the network is replaced.

    Example:  `aeras lab limits ferplus.npz --model own.onnx`
    """
    from aeras.lab.limits import LimitsOptions, write_limits
    from aeras.lab.limits import measure_limits as measure
    from aeras.perceive.limits import limits_path

    path = file or limits_path(model)
    options = LimitsOptions(most_wrong=most_wrong, faces=faces)
    write_limits(measure(ferplus, model=model, options=options), path)
    print_plain(f"written to {path}")


@lab.command()
def tracking(
    sequence: Annotated[Path, typer.Argument(help="Folder with det/det.txt and gt/gt.txt.")],
    *,
    as_json: JsonOpt = False,
) -> None:
    """Scores the tracker on a sequence in MOT layout.

    Example:  `aeras lab tracking PETS09-S2L1 --json`
    """
    from aeras.lab.tracking import score_sequence

    show(score_sequence(sequence), as_json=as_json)


@lab.command("shelf")
def shelf_figures(
    data: Annotated[Path, typer.Argument(help="Folder of test data.", metavar="DATA")],
    *,
    annotations: Annotated[Path | None, typer.Option(help="More annotated clips (JSON).")] = None,
    rendered: Annotated[
        Path | None, typer.Option(help="Folder of rendered videos with their truth.json.")
    ] = None,
    suite: Annotated[
        list[str] | None, typer.Option(help="bottles, table, zone or rendered; may repeat.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="fit or held; may repeat.")] = None,
    only: Annotated[str, typer.Option(help="Only clips with this in their name.")] = "",
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps what the models found.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tell each event.")] = False,
    as_json: JsonOpt = False,
) -> None:
    """Scores takes and put backs on clips whose truth is known.

    Example:  `aeras lab shelf DATA --annotations benchmarks/shelf-clips/events.json
    --suite table --cache var/seen --verbose`
    """
    from aeras.lab.shelfbench import SPLITS, SUITES, Bench, Result, run, table

    def tell(name: str, result: Result) -> None:
        if verbose:
            say(f"{name}: {result.clip.name}")
            for row in result.rows:
                say(f"    {row.line()}")

    figures = run(
        data,
        annotations=annotations,
        rendered=rendered,
        suites=suite or SUITES,
        splits=split or SPLITS,
        only=only,
        bench=Bench(cache),
        on_clip=tell,
    )
    if as_json:
        json_line(figures)
    else:
        print_plain(table(figures))


@lab.command("stories")
def shopper_stories(
    *,
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Number of the first.")] = 0,
    split: Annotated[str, typer.Option(help="train or test: other goods and shelves.")] = "test",
    kind: Annotated[str | None, typer.Option(help="Only this kind of story.")] = None,
    angle: Annotated[str | None, typer.Option(help="Only this camera angle.")] = None,
    fps: Annotated[float, typer.Option(min=1, help="Frames a second.")] = 10.0,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Write videos and truth here; score nothing.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tell each story.")] = False,
    as_json: JsonOpt = False,
) -> None:
    """Renders random shopper stories and scores what the product says of them.

    Example:  `aeras lab stories --count 200 --json`  ·
    `aeras lab stories --split train --count 50 --out var/stories`
    """
    from aeras.lab.stories import StoryOptions, run_stories, table

    chosen = StoryOptions(count, seed, split, kind, angle, fps, folder)
    told = run_stories(chosen, say=say if verbose else None)
    if as_json:
        json_line(told)
    elif folder is None:
        print_plain(table(told))


@lab.command("reaction")
def reaction_ablation(
    *,
    visits: Annotated[int, typer.Option(min=100, help="Simulated handlings a line.")] = 3000,
    rendered: Annotated[
        list[Path] | None,
        typer.Option(help="Also read this folder of a rendered demo; may be given again."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the simulation and the intervals.")] = 11,
    as_json: JsonOpt = False,
) -> None:
    """Tells what expression adds to a reading over behaviour alone, on simulated shoppers.

    Example:  `aeras lab reaction --visits 3000 --rendered demo/ --json`
    """
    from aeras.lab.reaction import rendered as read_rendered
    from aeras.lab.reaction import simulated

    figures: dict[str, Any] = {"simulated": simulated(visits, seed=seed)}
    if rendered:
        figures["rendered"] = read_rendered(rendered, seed=seed)
    show(figures, as_json=as_json)


@lab.command("simulate")
def simulate_shop(
    site: SiteArg,
    *,
    days: Annotated[int, typer.Option(min=1, help="Days up to now.")] = 30,
    seed: Annotated[int, typer.Option(help="Same seed, same shop.")] = 7,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the records and the truth.")],
    as_json: JsonOpt = False,
) -> None:
    """Makes the records of a simulated shop whose truth is known; all marked as simulated.

    Example:  `aeras lab simulate site.yaml --days 30 --seed 7 --out sim/`
    """
    from aeras.config import load_site
    from aeras.domain.ports import utc_now
    from aeras.lab.simulate import simulate, write_simulation

    made = simulate(load_site(site).shop, days, seed=seed, now=utc_now())
    show(write_simulation(made, folder), as_json=as_json)


@lab.command("floor")
def floor_figures(
    *,
    stores: Annotated[int, typer.Option(min=1, help="How many cameras.")] = 200,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 1,
    as_json: JsonOpt = False,
) -> None:
    """Measures calibration by hand-made marks on stores whose geometry is known.

    Example:  `aeras lab floor --stores 200 --json`
    """
    from aeras.lab.floors import measure

    show(measure(stores, seed=seed), as_json=as_json)


@lab.command("bench")
def bench_cameras(
    video: Annotated[Path, typer.Argument(help="Video that stands for a camera.")],
    *,
    cameras: Annotated[int, typer.Option(min=1, help="How many of them.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure.")] = 30.0,
    fps: Annotated[float, typer.Option(min=0.1, help="Analysed frames a second.")] = 5.0,
    role: Annotated[str, typer.Option(help="aisle or shelf.")] = "aisle",
    as_json: JsonOpt = False,
) -> None:
    """Measures what a camera costs, beside decoding alone.

    Example:  `aeras lab bench clip.mp4 --cameras 2 --seconds 30 --json`
    """
    from aeras.domain.shop import CameraRole
    from aeras.lab.bench import bench

    figures = bench(video, cameras=cameras, seconds=seconds, fps=fps, role=CameraRole(role))
    show(figures, as_json=as_json)


@lab.command("load")
def load_store(
    *,
    events: Annotated[int, typer.Option(min=1, help="How many.")] = 1_000_000,
    store: Annotated[
        str | None,
        typer.Option(help="New DuckDB file, postgresql://, clickhouse:// or chdb:FOLDER."),
    ] = None,
    answers: Annotated[
        int | None, typer.Option(min=20, help="Survey answers to send to a real server instead.")
    ] = None,
    per_s: Annotated[float, typer.Option(min=1, help="Answers a second.")] = 200.0,
    as_json: JsonOpt = False,
) -> None:
    """Measures the event store: bulk and single writes, queries, size. With --answers: sends survey
    answers to a server that is killed (-9) half-way, and counts what is stored.

    Example:  `aeras lab load --events 1000000 --store load.duckdb --json`  ·
    `aeras lab load --events 1000000 --store postgresql://user@host/database --json`

    Example:  `aeras lab load --answers 6000 --json`
    """
    if answers is not None:
        import tempfile

        from aeras.lab.answers import load_answers

        with tempfile.TemporaryDirectory(prefix="aeras-load-") as folder:
            figures = load_answers(Path(folder), answers, per_s=per_s)
        show(figures, as_json=as_json)
        if figures["lost"] or figures["twice"] or figures["acknowledged"] != answers:
            raise typer.Exit(1)
        return
    if store is None:
        raise typer.BadParameter("name a file with --store, or send --answers")
    from aeras.lab.load import load

    show(load(store, events), as_json=as_json)


@lab.command("triggers")
def measure_triggers(
    *,
    shops: Annotated[int, typer.Option(min=1, help="Simulated shops.")] = 200,
    days: Annotated[int, typer.Option(min=1, help="Days each is watched.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed of all draws.")] = 7,
    as_json: JsonOpt = False,
) -> None:
    """Measures triggers on simulated shops whose truth is known, looked at every hour.

    Example:  `aeras lab triggers --shops 200 --json`
    """
    from aeras.lab.triggers import Market, measure

    show(measure(shops, seed=seed, market=Market(days=days)), as_json=as_json)


@lab.command("insight")
def measure_insight(
    *,
    shops: Annotated[int, typer.Option(min=1, help="Simulated shops.")] = 40,
    days: Annotated[int, typer.Option(min=30, help="Days of each.")] = 120,
    seed: Annotated[int, typer.Option(help="Seed of all draws.")] = 7,
    as_json: JsonOpt = False,
) -> None:
    """Measures the sales model on simulated shops whose truth is known, beside plain correlation.

    Promotions, prices and stock-outs move both sales and reactions there.

    Example:  `aeras lab insight --json`
    """
    from aeras.lab.insight import Market, measure

    show(measure(shops, seed=seed, market=Market(days=days)), as_json=as_json)


@lab.command("placement")
def measure_placement(
    *,
    shops: Annotated[int, typer.Option(min=1, help="Simulated shops.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, help="Logs of each shop.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all draws.")] = 7,
    hard: Annotated[
        bool,
        typer.Option("--hard", help="Shops that the choice model fits badly, half the visits."),
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also deep reinforcement learning (aeras[deep]).")
    ] = False,
    as_json: JsonOpt = False,
) -> None:
    """Measures placement policies on simulated shops whose truth is known, and what judges them.

    Example:  `aeras lab placement --json`
    """
    from aeras.lab.placement import HARD, Market, in_words, measure

    market = HARD if hard else Market()
    table = measure(
        shops, seeds, seed=seed, market=market, deep=deep, tell=say if sys.stderr.isatty() else None
    )
    if as_json:
        json_line(table)
    else:
        print_plain(in_words(table))


@lab.command("topics")
def measure_topics(
    file: Annotated[Path, typer.Argument(help="CSV with a head line.", metavar="FILE.csv")],
    *,
    text: Annotated[str, typer.Option(help="Column of the answers.")],
    label: Annotated[str, typer.Option(help="Column of their true topics; only compared with.")],
    language: Annotated[
        str | None, typer.Option(help="Column of ISO 639-1 codes; told from the texts if absent.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Also plain methods that are given the count.")
    ] = False,
    as_json: JsonOpt = False,
) -> None:
    """Finds topics in answers of any language and compares them with the true ones.

    The number of topics is never given. A text in no topic counts as one of a further cluster.

    Example:  `aeras lab topics answers.csv --text text --label label --baselines --json`
    """
    from aeras.lab.topics import score_file

    show(
        score_file(file, text=text, label=label, language=language, baselines=baselines),
        as_json=as_json,
    )


@lab.command("staff")
def measure_staff(
    *,
    clips: Annotated[Path | None, typer.Option(help="Folder of clips to put tags on.")] = None,
    clip_count: Annotated[int, typer.Option(min=1, help="Most clips.")] = 20,
    scenes: Annotated[int, typer.Option(min=0, help="Rendered scenes of each camera.")] = 24,
    tags: Annotated[int, typer.Option(min=0, help="Tags a size and condition.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the first scene.")] = 0,
    as_json: JsonOpt = False,
) -> None:
    """Measures how surely staff and objectors are left alone, and what shoppers are lost by it.

    Example:  `aeras lab staff --clips DATA/clips --json`
    """
    from aeras.lab.staffbench import StaffOptions, measure

    show(measure(StaffOptions(scenes, clips, clip_count, tags, seed)), as_json=as_json)


@lab.command("blur")
def measure_blur(
    clips: Annotated[Path, typer.Argument(help="Folder of clips.")],
    *,
    every_s: Annotated[float, typer.Option(min=0.1, help="Seconds between frames.")] = 2.0,
    sharp: Annotated[bool, typer.Option(help="Judge the mosaic without the softening.")] = False,
    as_json: JsonOpt = False,
) -> None:
    """Measures, by face size, whether every face that can be found is covered in the live preview.

    Example:  `aeras lab blur DATA/clips --json`
    """
    from aeras.lab.blurbench import measure

    show(measure(clips, every_s=every_s, sharp=sharp), as_json=as_json)


@lab.command("train")
def train_network(
    config: Annotated[
        Path, typer.Argument(help="YAML file, or a shipped recipe.", metavar="CONFIG")
    ],
    *,
    resume: Annotated[bool, typer.Option(help="Go on where an earlier run stopped.")] = True,
    data: Annotated[Path | None, typer.Option(help="Folder of the data sets.")] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Folder of the run.")] = None,
) -> None:
    """Trains the expression network; needs the extra `aeras[train]`.

    Example:  `aeras lab train own-shop --data datasets/`
    """
    from aeras.lab.train import train

    json_line(train(config, resume=resume, data_root=data, out_root=folder))


def _say_line(record: dict[str, Any]) -> None:
    """A replay line for people."""
    if "summary" in record:
        facts = record["summary"]
        out.print(f"{facts['frames']} frames, {facts['faces_read']} faces read")
        return
    out.print(record if "reading" in record else _in_words(record))


def _in_words(record: dict[str, Any]) -> str:
    reaction = max(record["reaction"].items(), key=lambda pair: pair[1])
    where = record["item"] or record["facing"] or record["fixture"]
    return (
        f"{record['start_s']:7.1f} s  {record['kind']:8}  {where}  "
        f"{reaction[0]} {reaction[1]:.2f}, coverage {record['coverage']:.2f}"
    )
