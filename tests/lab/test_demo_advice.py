import yaml

from aeras.config import load_site
from aeras.domain.ports import utc_now
from aeras.domain.proposals import Stage
from aeras.lab.demo import ADVICE_SEED, DemoOptions, site_file
from aeras.lab.demo_advice import add_past
from aeras.lab.demo_floor import floor_plan
from aeras.lab.render import RenderedDemo
from aeras.wiring.oversight import write_notice
from aeras.wiring.runtime import Runtime


def test_the_demo_shows_a_simulated_proposal_for_a_fixture_without_a_video(tmp_path):
    (tmp_path / "floor.svg").write_text(floor_plan())
    videos = [tmp_path / name for name in ("aisle.mp4", "shelf.mp4", "truth.json")]
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(site_file(RenderedDemo(*videos), DemoOptions())))
    site = load_site(path)
    write_notice(site, utc_now())
    runtime = Runtime(site, cameras=False, simulated=True)
    try:
        room = runtime.advice
        add_past(room, runtime.control, runtime.site.shop, utc_now(), ADVICE_SEED)
        (row,) = room.rows()
    finally:
        runtime.stop()
    assert row.kept.stage is Stage.CANARY
    assert row.kept.proposal.simulated == 1
    assert row.kept.proposal.fixture != "pantry-shelf"
    assert row.kept.judged.gain.low > 0
    assert all(move.handled for move in row.kept.proposal.moves)
