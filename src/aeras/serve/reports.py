"""The one-page report, to read, print and keep: for managers, and every one in the audit log."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from aeras.domain.oversight import Act
from aeras.domain.reporting import FORMS, ReportDesk
from aeras.serve.api import TheBoard, ThePeriod
from aeras.serve.errors import NotFoundError
from aeras.serve.oversight import TheOversight
from aeras.serve.session import Manager

pages = APIRouter(include_in_schema=False)


@pages.get("/report.{page}")
def report(
    *,
    page: str,
    user: Manager,
    request: Request,
    board: TheBoard,
    period: ThePeriod,
    log: TheOversight,
) -> Response:
    """The page as PDF, which browsers show, or as an HTML file of its own."""
    desk: ReportDesk | None = request.app.state.reports
    if desk is None or page not in FORMS:
        raise NotFoundError(
            f"no report as {page[:10]!r}", todo=f"There are {', '.join(FORMS)}, where a shop runs"
        )
    content = desk.page(page, period, request.app.state.pages.words(request).language)
    log.audit.add(Act.EXPORT, user.name, what=f"report {page}", days=period.text)
    name = f"{board.shop.id}-report-{period.first}-{period.last}.{page}"
    how = "inline" if page == "pdf" else "attachment"  # its own style is not one of our pages'
    headers = {"Content-Disposition": f'{how}; filename="{name}"'}
    return Response(content, media_type=FORMS[page], headers=headers)
