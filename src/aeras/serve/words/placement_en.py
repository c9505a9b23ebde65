
"""English words of the proposals for placement."""

WORDS = {
    "act.placement": "Proposal for placement",
}
