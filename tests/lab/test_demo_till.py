"""The demo shop's sales come in through a real connector, and say that they are made up."""

from __future__ import annotations

from datetime import timedelta

from feeding import ITEMS, bench_in
from pydantic import TypeAdapter

from aeras.connect.options import AnyConnector
from aeras.lab.demo_till import CONNECTOR, DemoTill


def test_what_the_demo_s_till_sells_is_read_as_simulated(tmp_path):
    with bench_in(tmp_path) as bench:
        till = DemoTill(tmp_path, ITEMS, bench.clock, seed=1)
        options = TypeAdapter(AnyConnector).validate_python(CONNECTOR)
        feed = bench.feed(options.build(bench.context), options)
        for _ in range(5):
            till.sell()
            bench.now += timedelta(seconds=20)
        bench.now += timedelta(days=9000)  # files are as old as the real clock says
        feed.run()
        assert feed.state().counts["new"] == 5
        assert bench.held == []
        assert {row[-1] for row in bench.rows()} == {"simulated"}
        assert set(bench.sold) <= {"milk", "bread"}
