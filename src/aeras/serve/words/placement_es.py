
"""Spanish words of the proposals for placement."""

WORDS = {
    "act.placement": "Propuesta de colocación",
}
