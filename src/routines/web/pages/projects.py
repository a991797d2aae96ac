"""Projects: the list, a new one, and changing one.

A paused project suppresses its routines; that is decided in `core.policies`.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from routines.core.errors import RoutinesError
from routines.core.model import ProjectStatus
from routines.http.call import PathId, validated
from routines.http.schemas.companies import ProjectCreate, ProjectUpdate
from routines.web.form import Form
from routines.web.page import BoardPage, Page, PageRoute
from routines.web.rendering import options

router = APIRouter(route_class=PageRoute)


@router.get("/companies/{company_id}/projects")
def list_projects(page: BoardPage, company_id: PathId) -> Response:
    """A company's projects, and a form for another one."""
    return _list_page(page, company_id)


@router.post("/companies/{company_id}/projects")
def create_project(page: BoardPage, company_id: PathId) -> Response:
    """Make a project."""
    try:
        body = page.form.filled("name", "description")
        made = page.use.projects.create(page.actor, company_id, lambda: validated(ProjectCreate, body).command())
    except RoutinesError as refusal:
        page.form.refused(refusal)
        return _list_page(page, company_id)
    return page.go(f"/companies/{company_id}/projects", f"Project {made.name} was made.")


@router.get("/projects/{project_id}")
def show_project(page: BoardPage, project_id: PathId) -> Response:
    """A project, to be changed."""
    project = page.use.projects.get(page.actor, project_id)
    form = Form.of({"name": project.name, "description": project.description, "status": project.status})
    return _project_page(page, project_id, form)


@router.post("/projects/{project_id}")
def change_project(page: BoardPage, project_id: PathId) -> Response:
    """Change a project."""
    try:
        body = page.form.body("name", "description", "status")
        project = page.use.projects.update(page.actor, project_id, lambda: validated(ProjectUpdate, body).command())
    except RoutinesError as refusal:
        return _project_page(page, project_id, page.form.refused(refusal))
    return page.go(f"/companies/{project.company_id}/projects", f"Project {project.name} was changed.")


def _list_page(page: Page, company_id: str) -> Response:
    projects = page.use.projects.of_company(page.actor, company_id)
    return page.show("projects.html", company_id=company_id, section="projects", projects=projects, form=page.form)


def _project_page(page: Page, project_id: str, form: Form) -> Response:
    project = page.use.projects.get(page.actor, project_id)
    return page.show(
        "project.html",
        company_id=project.company_id,
        section="projects",
        about=project.id,
        project=project,
        form=form,
        statuses=options(ProjectStatus),
    )
