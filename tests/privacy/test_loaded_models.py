"""Which model files a camera's worker opens, as the operating system sees it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from aeras.perceive.registry import list_models

RUN = """
import json, sys, threading
from pathlib import Path

opened = set()

def note(event, args):
    if event == "open" and isinstance(args[0], (str, Path)):
        opened.add(Path(args[0]).name)

sys.addaudithook(note)

from multiprocessing import Pipe
from aeras.config import load_site, reads_faces
from aeras.wiring.rig import groups
from aeras.wiring.worker import Outbox, Worker, plans

site = load_site(Path(sys.argv[1]))
(plan,) = plans(
    site.shop,
    groups(site.shop),
    faces=reads_faces(site),
    expression=site.privacy.expression,
    grain=site.privacy.time_grain,
)
ours, theirs = Pipe()
outbox = Outbox(theirs)
frames = 0

def drain():
    global frames
    try:
        while True:
            frames = max(frames, getattr(ours.recv(), "frames", 0))
            if frames > 5:
                ours.send("stop")
                return
    except EOFError:
        return

threading.Thread(target=drain, daemon=True).start()
Worker(plan, outbox).run(theirs)
print(json.dumps({"opened": sorted(opened), "frames": frames}))
"""
SITE = """\
site: {{name: Test Shop}}
privacy: {{{privacy}}}
hours: {{open: always}}
cameras: [{{id: face, source: clip.mp4, role: shelf, size: [320, 240], fps: 10, staff: []}}]
fixtures: [{{id: shelf, camera: face}}]
"""
PAPERS = "jurisdiction: US-IL, controller: C, dpia: D, notice: N"
EXPRESSION = {"faces", "mesh", "expression"}


@pytest.mark.parametrize(
    ("privacy", "expected"),
    [
        ("profile: behaviour-only", set()),
        ("profile: us-il", set()),
        (f"profile: us-il, expression: on, consent: R-1, {PAPERS}", EXPRESSION),
    ],
)
def test_a_worker_opens_the_face_models_that_its_profile_allows_and_no_other(
    clip, privacy, expected
):
    path = clip.parent / "site.yaml"
    path.write_text(SITE.format(privacy=privacy))
    command = [sys.executable, "-c", RUN, str(path)]
    found = json.loads(
        subprocess.run(command, capture_output=True, check=True).stdout.splitlines()[-1]
    )
    assert found["frames"] > 5
    about_faces = {m.file: m.task for m in list_models() if m.task in EXPRESSION}
    assert {about_faces[name] for name in found["opened"] if name in about_faces} == expected
    assert "movenet.onnx" in found["opened"]  # so that the list is known to see what is opened


@pytest.fixture
def clip(tmp_path):
    from synthetic_shop import write_clip

    write_clip(tmp_path / "clip.mp4")
    return tmp_path / "clip.mp4"
