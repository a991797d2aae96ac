"""A notification in the form of each channel: a Slack message, an e-mail; a webhook gets the payload as it is.

The words of each event are in `core.notifications`; here they are made inert in what shows them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from routines.core import strict_json
from routines.core.answers import one_line
from routines.core.limits import NOTIFICATION_MESSAGE_CHARACTERS_MAX, NOTIFICATION_SUBJECT_CHARACTERS_MAX
from routines.core.notifications import Message, Notification, message_of

_INVISIBLE = "\N{ZERO WIDTH SPACE}"
_IN_A_LINK = re.compile(r"(?<=:)(?=//)|(?<=\w\.)(?=[^\W\d_])")  # of https://evil.example, www. and evil.example
_SEVEN_BITS = SMTP.clone(cte_type="7bit")  # which every mail server takes, also one without 8BITMIME (RFC 6152)
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})  # docs.slack.dev, "Escaping text"


def slack_body(notification: Notification, base_url: str) -> bytes:
    """What a Slack-compatible incoming webhook takes: a bold line, what is to be said, and a link to the page."""
    message = _message(notification)
    said = "\n".join([f"*{_inert(message.subject)}*", *map(_inert, message.lines)])
    return strict_json.dumps({"text": f"{said}\n<{base_url}{message.path}|Open in Routines>"}).encode()


def email(notification: Notification, base_url: str, sender: str, to: str, at: datetime) -> EmailMessage:
    """The notification as plain text; whatever its texts hold, they become no header and no second recipient."""
    message = _message(notification)
    letter = EmailMessage(policy=_SEVEN_BITS)
    letter["From"] = sender
    letter["To"] = to
    subject = one_line(f"[Routines] {message.subject}", NOTIFICATION_SUBJECT_CHARACTERS_MAX)
    # Else `email` decodes an encoded word (RFC 2047), and writes the line breaks of some charsets as they are.
    letter["Subject"] = subject.replace("=?", f"={_INVISIBLE}?")
    letter["Date"] = format_datetime(at)
    letter["Message-ID"] = f"<{notification.id}@{sender.rpartition('@')[2].strip('> ')}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
    lines = [message.subject, "", *message.lines, "", f"{base_url}{message.path}"]
    letter.set_content("\n".join(lines))
    return letter


def _message(notification: Notification) -> Message:
    data = strict_json.loads(notification.payload.encode())
    assert isinstance(data, Mapping)  # noqa: S101 - we wrote it
    message = message_of(notification.event, data["data"])
    lines = [one_line(line, NOTIFICATION_MESSAGE_CHARACTERS_MAX) for line in message.lines]
    return message._replace(subject=one_line(message.subject, NOTIFICATION_SUBJECT_CHARACTERS_MAX), lines=lines)


def _inert(text: str) -> str:
    """Text in which nobody is mentioned and nothing is a link, in Slack's own marks or in those of its likes."""
    cut = text[:NOTIFICATION_MESSAGE_CHARACTERS_MAX].translate(_ESCAPED)
    return _IN_A_LINK.sub(_INVISIBLE, cut).replace("@", f"@{_INVISIBLE}").replace("](", f"]{_INVISIBLE}(")
