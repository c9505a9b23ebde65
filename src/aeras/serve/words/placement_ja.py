
"""Japanese words of the proposals for placement."""

WORDS = {
    "act.placement": "配置の提案",
}
