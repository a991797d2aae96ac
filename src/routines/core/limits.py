"""Every bound of the service, its unit in its name, and why that number.

Only numbers live here; what happens at a bound is decided where it is met.
"""

from __future__ import annotations

CATCH_UP_RUNS_MAX = 25  # the contract's cap: per outage, not per tick
JSON_DEPTH_MAX = 64  # far beyond any real payload, far below what overflows a parser's stack
IDEMPOTENCY_KEY_CHARACTERS_MAX = 255  # the contract's bound; fits an index entry
CRON_EXPRESSION_CHARACTERS_MAX = 255  # every minute listed by number is 170 characters
CRON_SCHEDULES_CACHED_MAX = 2_000  # parsed expressions, about 10 kB each
CRON_SLOTS_CACHED_MAX = 10_000  # answers about the next slot; a burst's triggers share a few expressions and one minute
SETTLED_SLOTS_CACHED_MAX = 500  # answers about due slots; with a grace of a day each may hold 100 kB
INSTANTS_CACHED_MAX = 10_000  # conversions: a burst has one minute, the rows of a list few instants each
ZONE_NAME_CHARACTERS_MAX = 64  # the longest IANA name has 32; longer texts are not repeated in a sentence
FORM_FIELDS_MAX = 1_000  # as many as common form parsers take before they call it an attack
TITLE_CHARACTERS_MAX = 200  # the contract's bound
LABEL_CHARACTERS_MAX = 120  # the contract's bound
EXTERNAL_KEY_CHARACTERS_MAX = 200  # a set's name, a key and what stands between them; fits an index entry
NAME_CHARACTERS_MAX = 200  # names of companies, agents, keys, projects: one line on a page
TEXT_CHARACTERS_MAX = 100_000  # descriptions and comments: a long document, still quick to show
OUTCOME_TEXT_CHARACTERS_MAX = 10_000  # an agent's summary or error: some pages, shown whole with its heartbeat
TOKENS_MAX = 10**12  # far beyond any heartbeat; their sum over a million of them fits a 64-bit column
COST_USD_MAX = 1_000_000  # as above, in millionths
ISSUE_PREFIX_CHARACTERS_MAX = 10  # identifiers are read aloud and typed
BODY_BYTES_MAX = 1024 * 1024  # the contract's bound, on every route
REPLAY_WINDOW_SECONDS_MIN = 30  # the contract's bound
REPLAY_WINDOW_SECONDS_MAX = 86_400  # the contract's bound
REPLAY_WINDOW_SECONDS_DEFAULT = 300  # the contract's default, and that of Standard Webhooks
RUNS_PAGE_DEFAULT = 50  # the contract's default
RUNS_PAGE_MAX = 200  # the contract's bound
RECENT_RUNS = 25  # the contract: recentRuns of a routine
UNFIRED_DELIVERIES_KEPT_MAX = 100  # of each trigger: enough to see what a sender does wrong, and a flood adds nothing
SENDER_WORDS_CHARACTERS_MAX = 200  # content type and user agent of a delivery that is kept: one line on a page
LIST_PAGE_DEFAULT = 100  # activity, issues, comments: what a person scrolls
LIST_PAGE_MAX = 500  # what one reply may cost
SLOTS_EXPLAINED_DEFAULT = 10  # what an editor shows
SLOTS_EXPLAINED_MAX = 100
UPCOMING_DAYS_MAX = 31  # a month's calendar
UPCOMING_MAX = 1_000  # what one reply may cost; the next begins at the last one's time
SLOTS_TAKEN_IN_MAX = 1_500  # on a page: a day of minutes is 1,440
SLOT_BITS_CACHED_MAX = 4_000  # schedules' slots of eight days, 1.5 kB each: those of a large company
CROWDED_MINUTES_TOLD_MAX = 10  # what a person looks into; how many there are in all is told too
AGENTS_COMPARED_MAX = 40  # rows of a heat map, which is 25 cells wide, in a page that has more to show
TIMES_OF_A_ROW_MAX = 4  # what is read at a glance; of more only the first and the last are told
UPCOMING_ROWS = 100  # rows of the list on one page
HEARTBEATS_MEASURED_MAX = 20  # as many as still tell how an agent does now
SLOTS_ACCOUNTED_MAX = 50_000  # a month of minutes is 44,640
FILE_BYTES_MAX = 1024 * 1024  # of routines as code: some thousand routines, read within seconds
FILES_MAX = 1_000  # of one set: far beyond any repository, and a wrong folder is noticed
FILE_DEPTH_MAX = 20  # of lists and mappings in each other; a routine has five
ROUTINES_IN_FILES_MAX = 5_000  # each costs a call
FILE_FAULTS_TOLD_MAX = 50  # what a person mends before trying again
FILE_KEY_CHARACTERS_MAX = 63  # of a set or a routine: both together are an external key
ISSUES_LOOKED_THROUGH_MAX = 10_000  # for an identifier, from the newest on; older ones are named by id
TRIGGERS_PER_REQUEST_MAX = 50  # triggers created along with a routine
FIRES_PER_TRANSACTION_MAX = 500  # a webhook waits for at most one such transaction of a burst
FIRE_QUEUE_MAX = 2_000  # about a second of fires; what comes on top is told to come back
RATE_LIMITED_PUBLIC_IDS_MAX = 10_000  # what the rate limiter remembers, whatever ids are tried
RETENTION_DAYS_MIN = 2  # as long a signed request may be accepted, and its run is what tells that it came before
RETENTION_DAYS_MAX = 36_500
REMOVED_AT_ONCE_MAX = 500  # old rows in one transaction: some milliseconds, which a fire may have to wait
EVENT_STREAMS_MAX = 500  # open pages on a server; a process may have 1,024 files open unless told otherwise
EVENT_STREAMS_PER_AGENT_MAX = 100  # far beyond what one needs; with one key nobody else is shut out
EVENT_STREAMS_OF_AGENTS_MAX = 400  # all agents together: the other places are for the board's pages
EVENTS_READ_AT_ONCE = 200  # entries, some 100 kB, which is what a stream holds in memory
EVENTS_KEPT_MAX = 400  # of each company that somebody follows; who is further behind reads for itself
