"""One try to send a notification by its channel, and what the receiver's answer means.

When it is tried again, and what is recorded, is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from routines.core.answers import one_line, retry_after_seconds
from routines.core.limits import (
    NOTIFICATION_ANSWER_BYTES_MAX,
    NOTIFICATION_ERROR_CHARACTERS_MAX,
    NOTIFICATION_SEND_SECONDS_MAX,
)
from routines.core.notifications import Channel
from routines.core.signing import sign_standard_webhooks
from routines.notify.letters import email, slack_body
from routines.notify.mail import MailServer, UnsentError
from routines.outgoing import Answer, Reach, RefusedError, UnreachableError, post
from routines.services.notification_work import Letter, Sent
from routines.services.notifications import NO_MAIL

USER_AGENT = "routines-notifications"
_OK, _REDIRECT, _CLIENT_ERROR, _GONE = 200, 300, 400, 410


@dataclass(frozen=True, slots=True)
class Delivery:
    """How this server sends: whom it may reach, by which mail server if there is one, and where its pages are."""

    reach: Reach
    mail_server: MailServer | None
    base_url: str
    now: Callable[[], datetime]

    def send(self, letter: Letter) -> Sent:
        """Try once; nothing is raised for what a receiver or its address does."""
        if letter.problem is not None:
            return Sent(letter.problem)
        if letter.channel is Channel.EMAIL:
            return self._mail(letter)
        content = letter.notification.payload.encode()
        if letter.channel is Channel.SLACK:
            return self._post(letter.secret, slack_body(letter.notification, self.base_url), {}, is_quoted=False)
        signed = sign_standard_webhooks(letter.secret, letter.notification.id, int(self.now().timestamp()), content)
        return self._post(letter.target, content, signed)

    def _post(self, url: str, content: bytes, headers: dict[str, str], *, is_quoted: bool = True) -> Sent:
        """Send it there; what is answered is quoted unless the URL, which many servers repeat, is a secret."""
        try:
            answer = post(
                url,
                content,
                {"content-type": "application/json", "user-agent": USER_AGENT, **headers},
                reach=self.reach,
                timeout_seconds=NOTIFICATION_SEND_SECONDS_MAX,
                answer_bytes_max=NOTIFICATION_ANSWER_BYTES_MAX,
            )
        except RefusedError as error:
            return Sent(error.sentence, retry=False)
        except UnreachableError as error:
            return Sent(error.sentence)  # certificates are renewed and names come back, within a day
        return self._meaning(answer, answer.body if is_quoted else b"")

    def _meaning(self, answer: Answer, said: bytes) -> Sent:
        status = answer.status
        if _OK <= status < _REDIRECT:
            return Sent(status=status)
        if _REDIRECT <= status < _CLIENT_ERROR:
            error = f"The receiver answered {status}; redirects are not followed: set the final URL"
            return Sent(error, status)
        text = one_line(said.decode(errors="replace"), NOTIFICATION_ERROR_CHARACTERS_MAX)
        error = f"The receiver answered {status}{f': {text}' if text else ''}"
        asked = retry_after_seconds(answer.headers.get("retry-after", ""), self.now())
        return Sent(error, status, retry=status != _GONE, retry_after_seconds=asked)

    def _mail(self, letter: Letter) -> Sent:
        if self.mail_server is None:
            return Sent(NO_MAIL)
        message = email(letter.notification, self.base_url, self.mail_server.sender, letter.target, self.now())
        try:
            self.mail_server.send(message)
        except UnsentError as error:
            return Sent(one_line(error.sentence, NOTIFICATION_ERROR_CHARACTERS_MAX), retry=error.retry)
        return Sent()
