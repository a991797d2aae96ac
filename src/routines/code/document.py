"""What stands in a file of routines, as models: the fields, their bounds, and the schema that editors read.

Where a file comes from and what its names stand for in the service is not known here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    Tag,
)
from pydantic.alias_generators import to_camel

from routines.core.limits import (
    CRON_EXPRESSION_CHARACTERS_MAX,
    FILE_KEY_CHARACTERS_MAX,
    LABEL_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    REPLAY_WINDOW_SECONDS_DEFAULT,
    REPLAY_WINDOW_SECONDS_MAX,
    REPLAY_WINDOW_SECONDS_MIN,
    TEXT_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
)
from routines.core.model import CatchUpPolicy, ConcurrencyPolicy, Priority
from routines.core.signing import SigningMode

KEY_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
DEFAULT_SET = "default"


# Texts are trimmed as the service trims them, so that a second apply finds them alike.
Key = Annotated[StrictStr, StringConstraints(pattern=KEY_PATTERN, max_length=FILE_KEY_CHARACTERS_MAX)]
Name = Annotated[StrictStr, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_CHARACTERS_MAX)]
Title = Annotated[StrictStr, StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_CHARACTERS_MAX)]
Label = Annotated[StrictStr, StringConstraints(strip_whitespace=True, min_length=1, max_length=LABEL_CHARACTERS_MAX)]


class Written(BaseModel):
    """Something in a file; what it does not know is refused."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, validate_by_name=False, validate_by_alias=True, frozen=True
    )


class _Trigger(Written):
    key: Key | None = Field(None, description="What the trigger is known by in its routine; its kind unless given.")
    id: Name | None = Field(None, description="A trigger that is there already and gets this key.")
    label: Label | None = None
    enabled: StrictBool | None = Field(None, description="Left as it is unless given; a new trigger is enabled.")


class ScheduleTrigger(_Trigger):
    """Fires on a cron schedule."""

    kind: Literal["schedule"]
    cron_expression: Annotated[
        StrictStr, StringConstraints(min_length=1, max_length=CRON_EXPRESSION_CHARACTERS_MAX)
    ] = Field(description="Five fields as in crontab(5), or @hourly to @yearly; in quotes.")
    timezone: Name | None = Field(None, description="An IANA name such as Europe/Berlin; the defaults' or UTC.")


class WebhookTrigger(_Trigger):
    """Fires on an inbound webhook; the service makes its secret, and apply shows it once."""

    kind: Literal["webhook"]
    signing_mode: SigningMode = SigningMode.BEARER
    replay_window_sec: Annotated[StrictInt, Field(ge=REPLAY_WINDOW_SECONDS_MIN, le=REPLAY_WINDOW_SECONDS_MAX)] = (
        REPLAY_WINDOW_SECONDS_DEFAULT
    )


class ApiTrigger(_Trigger):
    """Fires only by a manual run that names it."""

    kind: Literal["api"]


AnyTrigger = Annotated[ScheduleTrigger | WebhookTrigger | ApiTrigger, Field(discriminator="kind")]


class NamedProject(Written):
    """A project that may be made: with `create`, where the company has none of that name."""

    name: Name
    create: StrictBool = False


AnyProject = Annotated[
    Annotated[Name, Tag("text")] | Annotated[NamedProject, Tag("mapping")],
    Discriminator(lambda value: "mapping" if isinstance(value, (dict, NamedProject)) else "text"),
]


class WrittenRoutine(Written):
    """A routine; what is left out has its default, but for `status`, which stays as it is."""

    key: Key = Field(description="What the routine is known by in its set, whatever its title becomes.")
    id: Name | None = Field(None, description="A routine that is there already and gets this key.")
    title: Title
    description: Annotated[StrictStr, StringConstraints(max_length=TEXT_CHARACTERS_MAX)] | None = Field(
        None, description="What the agent is asked to do, in Markdown."
    )
    agent: Name | None = Field(None, description="Name or id of the agent; required here or in `defaults`.")
    project: AnyProject | None = Field(None, description="Name or id of the project; required here or in `defaults`.")
    goal: Name | None = Field(None, description="Title or id of the goal.")
    parent: Name | None = Field(None, description="Identifier, such as ACME-12, or id of the parent issue.")
    priority: Priority = Priority.MEDIUM
    status: Literal["active", "paused"] | None = Field(
        None, description="Left as it is unless given; a new routine is active."
    )
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.COALESCE_IF_ACTIVE
    catch_up_policy: CatchUpPolicy = CatchUpPolicy.SKIP_MISSED
    triggers: list[AnyTrigger] = Field(default_factory=list)  # as many as a file holds: a routine may have them all


class Defaults(Written):
    """What the routines of this document have unless they say otherwise."""

    agent: Name | None = None
    project: AnyProject | None = None
    timezone: Name | None = None


class RoutinesDocument(Written):
    """Routines of a company, kept in a file and brought about by `routines apply`."""

    set: Key | None = Field(None, description=f"The set that the routines belong to; {DEFAULT_SET!r} unless given.")
    company: Name | None = Field(None, description="Name or id of the company, where there is more than one.")
    defaults: Defaults = Field(default_factory=Defaults)
    routines: list[WrittenRoutine]


def editor_schema() -> dict[str, Any]:
    """The JSON schema of a file, by which editors complete and check it."""
    schema = RoutinesDocument.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Written by `make schema` from the models; not edited by hand.",
        **schema,
    }
