"""Every way in which figures about visits leave the system, and the one gate each goes through.

A new route, board method, command or reader of the stores without a line here fails.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from typer.main import get_command

import aeras
from aeras.cli import app
from aeras.domain.messages import TOPICS
from aeras.domain.ports import AnswerBook, Board, EventStore, ShelfBook
from aeras.store.quick import QuickEvents
from tests.serve.test_matrix import MATRIX

SOURCE = Path(aeras.__file__).parent

BOARD = {
    "totals": "blocks",
    "items": "blocks",
    "facings": "blocks",
    "timeline": "blocks",
    "survey": "settled answers",
    "surveys": "settled answers",
    "triggers": "the rule's words, counts in tens from k visits on",
    "form_answers": "settled answers; refusals in multiples of k",
    "subscribe": "single acts without reaction (decision 0003)",
    "shop": "no visits",
    "k": "no visits",
    "cameras": "no visits",
    "preview": "no visits: blurred before it is encoded",
}
"""What pages, API and reports can ask for; nothing else is handed to them."""

READERS = {
    "tally_bounded": {"wiring/noisy.py"},
    "tally": {"respond/triggers.py", "respond/hours.py", "lab/load.py"},
    "published": {
        "wiring/board.py",
        "wiring/shelves.py",
        "wiring/storemap.py",
        "wiring/insight.py",
        "wiring/advice.py",
    },
    "published_passages": {"wiring/passing.py"},
    "misplacements": {"wiring/shelves.py"},
    "sold": {
        "wiring/board.py",
        "respond/hours.py",
        "respond/triggers.py",
        "wiring/ruledesk.py",
        "wiring/storemap.py",
        "wiring/insight.py",
    },
    "reasons": {"respond/triggers.py"},
    "published_daily": {"wiring/board.py", "wiring/insight.py"},
    "settled_counts": {"wiring/board.py"},
    "answers": {"wiring/board.py", "wiring/topics.py", "wiring/triggers.py", "wiring/asking.py"},
    "roll": {"wiring/runtime.py", "wiring/records.py", "lab/demo.py"},
}
"""Who may call what gives records: `tally` is raw, so nothing that shows anything may."""

# rules: names of items with k visits behind them, and how many items: tests/wiring/test_ruledesk.py
NO_FIGURES = re.compile(
    r"/(login|join|logout|enter|setup|healthz|readyz|static|kiosk|kiosk-worker\.js|withdraw|privacy|thanks|q|s|01"
    r"|calibration|planogram|stop|resume|cameras|account|users|invited|metrics|channels|connectors|rules)\b"
    r"|/forms(/\{form\})?$|/api/(forms|openapi|shop|public|live|cameras|reading|stop|resume|floor-plan|calibration|planogram"
    r"|items/\{item_id\}/invite|tokens|users|account|channels|connectors|purchases|members|incentives)\b"
)
FIGURES = {
    "/": ["totals", "items", "facings", "timeline", "triggers", "surveys"],
    "/items": ["items"],
    "/api/v1/published.arrow": ["totals", "items", "facings", "timeline", "survey", "triggers"],
    "/api/v1/sql": ["totals", "items", "facings", "timeline", "survey", "triggers"],
    "/report.{page}": ["totals", "items", "facings", "triggers", "surveys"],
    "/items/{item_id}": ["items", "timeline", "facings", "survey", "triggers"],
    "/map": ["facings"],  # whole blocks by place and time: wiring/storemap.py
    "/api/map": ["facings"],
    "/api/map.svg": ["facings"],
    "/triggers": ["triggers"],
    "/triggers/{trigger_id}": ["triggers"],
    "/triggers/{trigger_id}/{deed}": ["triggers"],
    "/surveys": ["items", "surveys", "survey", "triggers"],
    "/surveys/card/{item_id}": ["triggers"],
    "/surveys/cards": ["triggers"],
    "/forms/{form}/answers": ["form_answers"],
    "/items/{item_id}/sales": [],  # whole blocks: wiring/insight.py
    "/ranks": [],
    "/api/items/{item_id}/sales": [],
    "/api/items/{item_id}/days.{kind}": [],
    "/api/funnels": [],
    "/api/ranks": [],
    "/topics": [],  # settled answers only, k: tests/wiring/test_topics.py
    "/topics/{topic}/{deed}": [],
    "/api/topics": [],
    "/advice": [],  # whole blocks by week, k: tests/wiring/test_advice.py
    "/advice/{proposal}": [],
    "/advice/{proposal}/{deed}": [],
    "/api/advice": [],
    "/api/advice/{proposal}": [],
    "/api/advice/{proposal}/{deed}": [],
    "/api/totals": ["totals"],
    "/api/items": ["items"],
    "/api/items/{item_id}": ["items", "survey", "triggers", "facings"],
    "/api/items/{item_id}/timeline": ["timeline"],
    "/api/items/{item_id}/survey": ["survey"],
    "/api/timeline": ["timeline"],
    "/api/facings": ["facings"],
    "/api/shelf": [],
    "/api/export/{table}.{kind}": ["totals", "items", "facings", "timeline", "survey", "triggers"],
    "/privacy/export/{table}.{kind}": ["totals", "items", "facings", "timeline", "survey"],
    "/api/noisy-table": [],  # noise and ledger: tests/privacy/test_noise.py
    "/api/triggers": ["triggers"],
    "/api/triggers/{trigger_id}": ["triggers"],
    "/api/triggers/{trigger_id}/{deed}": ["triggers"],
}


COMMANDS = {
    "demo": "the board, simulated",
    "run": "the board",
    "report": "the board, or noise and ledger",
    "init": "no records",
    "check": "no records",
    "restart": "no records",
    "backup": "all records, to a file that only who runs the shop may read; the log says so",
    "restore": "how many records a backup held",
    "doctor": "no records; watches cameras for seconds and keeps nothing",
    "analyze": "how many events each recording gave, to who has the recordings",
    "edge": "the board of its own shop; sends events to the hub that is named",
    "hub": "how many events came from each shop",
    "shops": "names of shops and their credentials",
    "lens": "no records",
    "stop": "no records",
    "resume": "no records",
    "lab": "recordings and simulations; stores nothing of a shop",
    "models": "no records",
    "planogram": "no records",
    "users": "staff accounts",
    "advice": "sums of whole blocks by week, k",
    "connect": "sales and stock of the till, states; no visits",
    "channels": "messages of `TOPICS` by state",
    "members": "consents by keyed hash; no visits",
    "incentives": "the retailer's own codes",
    "privacy": "papers, log, how many records would expire, what is left of the budget",
}
"""What each command, or group of commands, can show, and through which gate."""

SENDERS = {
    "wiring/vitals.py": "that it is ready and lives, to this machine's service manager",
    "fleet/sender.py": "events of the shop's own subject, to its hub; tests/fleet",
    "fleet/ingest.py": "acknowledges to its own broker",
    "fleet/broker.py": "starts the hub's own broker",
    "wiring/serve.py": "the type of the pages' socket",
    "connect/net.py": "asks tills and ERPs; sends nothing of ours",
    "connect/square.py": "asks Square; sends nothing of ours",
    "connect/shopify.py": "asks Shopify; sends nothing of ours",
    "wiring/web.py": "the pages",
    "lab/demo.py": "asks its own pages",
    "lab/answers.py": "asks its own pages",
    "respond/net.py": "channels: messages of `TOPICS` only",
    "respond/channels/apprise.py": "messages of `TOPICS` only",
    "respond/channels/mqtt.py": "messages of `TOPICS` only",
}
"""Modules that can open a connection."""

WRITERS = {
    "cli_fleet.py": "credentials of a shop",
    "fleet/broker.py": "the broker's settings",
    "serve/bi.py": "the board",
    "cli_report.py": "what `serve/export.py` made of the board",
    "serve/export.py": "the board",
    "wiring/oversight.py": "papers: no records",
    "cli_privacy.py": "printed tags: no records",
    "wiring/scaffold.py": "an example",
    "wiring/orders.py": "what a command asked of the running shop: a camera's id",
    "wiring/backup.py": "a backup: all records, for its owner alone",
    "cli_site.py": "planograms",
    "privacy/stop.py": "who stopped",
    "privacy/audit.py": "the log: staff accounts and what they did",
}
"""Modules outside the lab that write files of their own, besides databases and the audit log."""

TOPICS_SHOW = {
    "report.daily": "what the pages show of a day, through the board",
    "trigger.opened": "the rule and its words, no counts",
    "trigger.changed": "the stage",
    "trigger.closed": "the stage, and rates from k visits on",
    "answer.received": "that there is one, without it",
    "survey.invitation": "a question",
    "survey.prompt": "a question",
    "test": "nothing",
}
"""What messages to other systems say."""

NETWORK = {
    *("aiohttp", "aiomqtt", "apprise", "ftplib", "http", "httpx", "nats", "odooly", "paho"),
    *("requests", "shopify", "smtplib", "socket", "square", "urllib3", "websockets", "xmlrpc"),
}
WRITES = re.compile(
    r"\.write_(text|bytes)\(|open\([^)]*[\"'][wax]b?[\"']|write_table\(|csv\.writer"
)


def members(port: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(port) if not name.startswith("_")}


def calls(path: Path) -> set[str]:
    """Names of the methods that a module calls on something."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    return {function.attr for function in called if isinstance(function, ast.Attribute)}


def imported(path: Path) -> set[str]:
    """Packages that a module imports anywhere; of ``urllib`` only what opens connections."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    sends = {"http" if name.startswith(("http.client", "urllib.request")) else "" for name in found}
    return sends | {name.split(".")[0] for name in found} - {"http"}


def test_every_command_is_listed_with_what_it_shows():
    found = set(get_command(app).commands)
    assert found <= set(COMMANDS), "list new commands here, with their gate"


def test_whatever_can_open_a_connection_is_listed_with_what_it_sends():
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if imported(path) & NETWORK
    }
    assert found <= set(SENDERS), "list new senders here, with their gate"


def test_whatever_writes_files_is_listed_with_what_they_hold():
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if WRITES.search(path.read_text(encoding="utf-8")) and "lab" not in path.parts
    }
    assert found <= set(WRITERS), "list new writers here, with their gate"


def test_every_kind_of_message_is_listed_with_what_it_says():
    assert set(TOPICS) == set(TOPICS_SHOW)


def test_everything_a_page_can_ask_for_is_listed_with_its_gate():
    assert members(Board) == set(BOARD)


def test_every_route_is_known_to_show_figures_or_none():
    paths = {route.split(" ", 1)[1] for route in MATRIX}
    unknown = {path for path in paths if path not in FIGURES and not NO_FIGURES.match(path)}
    assert unknown == set()
    assert set(FIGURES) <= paths
    assert {name for names in FIGURES.values() for name in names} <= set(BOARD)


def test_pages_can_reach_no_store():
    for path in (SOURCE / "serve").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(EventStore|AnswerBook|TriggerBook|DuckEvents)\b", text), path


def test_only_the_board_reads_what_is_shown():
    for path in SOURCE.rglob("*.py"):
        name = path.relative_to(SOURCE).as_posix()
        if name.startswith("store/"):
            continue
        for method in calls(path) & set(READERS):
            assert name in READERS[method], f"{name} calls {method}: list it here, behind a gate"
    assert set(READERS) <= set().union(
        *map(members, (EventStore, ShelfBook, AnswerBook, QuickEvents))
    )
