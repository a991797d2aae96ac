"""The prompt that an agent reads on standard input: a template, its own or ours, filled with a heartbeat's facts.

What others wrote is fenced by `outside_input`. Nothing here looks anything up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context

from routines.core.errors import RoutinesError
from routines.heartbeat.outside_input import Comment, Payload, outside_input

PROMPT_CHARACTERS_MAX = 200_000  # about 50,000 tokens: what a model still reads with attention
TEMPLATES_KEPT_MAX = 200  # compiled ones: that takes ten milliseconds, and agents have few
ROUNDS_MAX = 10_000  # of all loops of a template together

DEFAULT_TEMPLATE = (Path(__file__).parent / "prompt.txt.jinja").read_text(encoding="utf-8")

_FILTERS = frozenset(
    """abs capitalize count d default dictsort e escape first float int items join last length list lower map max min
    reject rejectattr replace reverse round select selectattr sort string sum title tojson trim truncate unique upper
    wordcount""".split()  # noqa: SIM905 - three lines of words, where a list takes forty
)
"""Filters that make no more of a text than there was; `center`, `indent` and `format` take a width, of any size."""
_BUFFERED = (nodes.Assign, nodes.AssignBlock, nodes.CallBlock, nodes.FilterBlock, nodes.Macro)
"""What gathers text before it is counted."""
_COUNTED = "counted"
_NAMES = "agent, company_id, run, issue, routine, payloads, comments, outside_input and api_url"


class PromptError(RoutinesError):
    """A `promptTemplate` cannot be rendered, and why."""


class PromptAgent(NamedTuple):
    """The agent that the prompt is for."""

    id: str
    name: str
    role: str
    title: str | None = None
    capabilities: str | None = None


class PromptRun(NamedTuple):
    """The heartbeat: its id, what woke the agent (`source`), why (`reason`), and whether it was called by HTTP."""

    id: str
    source: str
    reason: str
    is_called: bool = False


class PromptIssue(NamedTuple):
    """The issue that the agent was woken for."""

    id: str
    identifier: str
    title: str
    description: str | None
    status: str
    priority: str


class PromptRoutine(NamedTuple):
    """The routine that created the issue."""

    id: str
    title: str


class PromptFacts(NamedTuple):
    """All that a prompt is made of; payloads and comments in the order in which they are to be read."""

    agent: PromptAgent
    company_id: str
    run: PromptRun
    api_url: str
    issue: PromptIssue | None = None
    routine: PromptRoutine | None = None
    payloads: Sequence[Payload] = ()
    comments: Sequence[Comment] = ()


def prompt(template: str | None, facts: PromptFacts, nonce: str) -> str:
    """The prompt by this template, or by our own without one; `nonce` is fresh and random, and marks the fence.

    Raises `PromptError` for a template that is none, names what is not there, calls functions, turns its loops more
    than ROUNDS_MAX times, or makes more than PROMPT_CHARACTERS_MAX characters. These bounds are for mistakes: whoever
    writes an agent's template also chooses the command that is run.
    """
    fenced = outside_input(facts.payloads, facts.comments, nonce)
    try:
        return _rendered(DEFAULT_TEMPLATE if template is None else template, _variables(facts, fenced))
    except PromptError:
        raise
    except TemplateSyntaxError as error:
        raise PromptError(f"promptTemplate, line {error.lineno}: {error.message}") from error
    except UndefinedError as error:
        raise PromptError(
            f"promptTemplate: {error.message}; there are {_NAMES}, of which issue and routine are none "
            "for a heartbeat without them"
        ) from error
    except SecurityError as error:
        raise PromptError(f"promptTemplate: {error.message}") from error
    except Exception as error:  # an expression of a template may raise anything, such as a division by zero
        raise PromptError(f"promptTemplate cannot be rendered: {type(error).__name__}: {str(error)[:500]}") from error


def _rendered(source: str, variables: dict[str, object]) -> str:
    template, rounds = _compiled(source)
    rounds.clear()
    return "".join(_bounded(template.generate(variables)))


@lru_cache(maxsize=TEMPLATES_KEPT_MAX)
def _compiled(source: str) -> tuple[Template, Counter[str]]:
    """A template, and the rounds that its loops have turned; one thread renders, one prompt after the other."""
    rounds: Counter[str] = Counter()
    environment = _Templates(rounds)
    tree = environment.parse(source)
    if (block := next(tree.find_all(_BUFFERED), None)) is not None:
        raise PromptError(
            f"promptTemplate, line {block.lineno}: no prompt needs set, filter blocks, call blocks or macros"
        )
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _COUNTED, [], [], None, None, lineno=loop.lineno)
    tree.set_environment(environment)
    return Template.from_code(environment, environment.compile(tree), {}), rounds


def _variables(facts: PromptFacts, fenced: str) -> dict[str, object]:
    """What a template can name; the last four are Paperclip's names, so that its templates work."""
    return {
        **facts._asdict(),
        "outside_input": fenced,
        "agentId": facts.agent.id,
        "companyId": facts.company_id,
        "company": {"id": facts.company_id},
        "runId": facts.run.id,
    }


def _bounded(parts: Iterable[str]) -> Iterator[str]:
    room = PROMPT_CHARACTERS_MAX
    for each in parts:
        room -= len(each)
        if room < 0:
            raise PromptError(
                f"promptTemplate makes more than {PROMPT_CHARACTERS_MAX} characters; "
                "let the agent ask the API for the rest"
            )
        yield each


def _counting(rounds: Counter[str]) -> Callable[[Context, Iterable[object]], Iterator[object]]:
    """A filter that hands on what a loop goes over, and counts the rounds of all loops of one rendering."""

    @pass_context  # so that Jinja does not try it while it compiles
    def counted(_: Context, items: Iterable[object]) -> Iterator[object]:
        for each in items:
            rounds[_COUNTED] += 1
            if rounds[_COUNTED] > ROUNDS_MAX:
                raise PromptError(f"promptTemplate turns its loops more than {ROUNDS_MAX} times")
            yield each

    return counted


class _Templates(ImmutableSandboxedEnvironment):
    """Templates that fill in and choose, and do nothing else: no calls, no `range`, no text multiplied.

    Each template has one of its own, which counts its rounds.
    """

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, rounds: Counter[str]) -> None:
        super().__init__(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
        self.globals.clear()
        self.filters = {name: made for name, made in self.filters.items() if name in _FILTERS}
        self.filters[_COUNTED] = _counting(rounds)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - whatever Jinja has
        """Numbers are reckoned with; a text times a number, or a power, may be of any size."""
        if operator == "**" or not all(isinstance(each, int | float) for each in (left, right)):
            raise SecurityError(f"{operator} is for numbers here" if operator != "**" else "** is not for templates")
        return super().call_binop(context, operator, left, right)

    def call(self, _context: Context, _called: Any, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - as above
        """Refused: what is called could be of any kind; filters do what a prompt needs."""
        raise SecurityError("a template calls no functions; use filters, such as {{ issue.title | upper }}")
