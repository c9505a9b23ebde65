# ruff: noqa: E501, RUF001 - sentences, with the dashes a reader expects
"""German words of the forms: list, editor, summary, shelf cards."""

WORDS: dict[str, str] = {
    "act.form_changed": "Umfrageformular geändert",
}
