"""Renders templates: the Jinja environment, the languages, and what every page knows."""

from __future__ import annotations

import json
from pathlib import Path

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from aeras.domain.ports import Board, Clock
from aeras.domain.roles import allows
from aeras.serve import figures, look, nav
from aeras.serve.assets import Assets
from aeras.serve.oversight import stop_in_force
from aeras.serve.session import Sessions, visitor
from aeras.serve.words import CATALOGUES, NAMES, Words, choose

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE = "aeras_lang"
THEME = "aeras_theme"


def script_json(value: object) -> Markup:
    """JSON for a ``<script type="application/json">`` block; ``</script>`` cannot end it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - escaped just above


class Pages:
    """Renders pages.

    Args:
        board: For the site's name and zone.
        sessions: For the form token.
        assets: For versioned URLs.
        clock: UTC.
    """

    def __init__(self, board: Board, sessions: Sessions, assets: Assets, clock: Clock) -> None:
        self._board = board
        self._sessions = sessions
        self._assets = assets
        self._clock = clock
        self._env = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters["script_json"] = script_json
        self._env.globals.update(
            asset=assets.url,
            figures=figures,
            look=look,
            language_names=NAMES,
            allows=allows,
            open_to=nav.open_to,
            DAILY=nav.DAILY,
            SETTINGS=nav.SETTINGS,
            ON_PHONE=nav.ON_PHONE,
        )

    def words(self, request: Request, language: str = "") -> Words:
        """The words for this visitor: the page's language if it has one, their choice, else what
        the browser asks for.
        """
        if language not in CATALOGUES:
            language = request.cookies.get(LANGUAGE, "")
        if language not in CATALOGUES:
            offered = (self._board.shop.language, *CATALOGUES)
            offered = tuple(code for code in offered if code in CATALOGUES)
            language = choose(request.headers.get("accept-language", ""), offered)
        shop = self._board.shop
        return Words(language, shop.timezone, self._clock(), shop.currency)

    def page(
        self,
        request: Request,
        name: str,
        *,
        status: int = 200,
        language: str = "",
        **context: object,
    ) -> HTMLResponse:
        """A page; gives it the visitor, the words and the theme."""
        who = visitor(request)
        words = self.words(request, language)
        theme = request.cookies.get(THEME, "")
        html = self._env.get_template(name).render(
            request=request,
            shop=self._board.shop,
            k=self._board.k,
            user=who.user,
            form_token=self._sessions.form_token(who),
            w=words,
            t=words.t,
            theme=theme if theme in ("light", "dark") else "",
            stopped=stop_in_force(request),
            languages=tuple(CATALOGUES),
            **context,
        )
        response = HTMLResponse(html, status)
        response.headers["Vary"] = "Cookie, Accept-Language"
        self._sessions.remember(response, who)
        return response

    def error(
        self, request: Request, status: int, what: str, todo: str, key: str = ""
    ) -> HTMLResponse:
        """A page that says what is wrong and what to do."""
        words = self.words(request)
        known = key or f"status.{status}"
        return self.page(
            request,
            "message.html",
            status=status,
            title=words.t(f"{known}.title") if words.has(f"{known}.title") else words.t("problem"),
            text=words.t(f"{known}.text") if words.has(f"{known}.text") else what,
            todo="" if words.has(f"{known}.text") else todo,
        )
