
"""German words of the proposals for placement."""

WORDS = {
    "act.placement": "Vorschlag zur Platzierung",
}
