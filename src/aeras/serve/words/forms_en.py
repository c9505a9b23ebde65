# ruff: noqa: E501, RUF001 - sentences, with the dashes a reader expects
"""English words of the forms: list, editor, summary, shelf cards."""

WORDS: dict[str, str] = {
    "act.form_changed": "Survey form changed",
}
