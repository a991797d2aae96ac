"""Webhooks as people read them: what each signing mode checks, in a sentence, and the shell lines that send one.

How a delivery is verified is `core.signing`'s; here it only gets its words.
"""

from __future__ import annotations

from shlex import quote

from routines.core.signing import SigningMode

SECRET_TO_BE_FILLED_IN = "the secret, which was shown once"  # noqa: S105 - it says where the secret goes

_FROM_TEXT = "printf '%s' \"$body\" | openssl dgst -sha256 -hmac \"$secret\" -hex | sed 's/.* //'"
_FROM_TIMED_TEXT = 'printf \'%s.%s\' "$timestamp" "$body" | openssl dgst -sha256 -hmac "$secret" -hex | sed \'s/.* //\''
_KEY = "printf '%s' \"${secret#whsec_}\" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n'"
_FROM_NAMED_TEXT = (
    'printf \'%s.%s.%s\' "$id" "$timestamp" "$body"'
    ' | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A'
)
_BODY = 'body=\'{"hello": "world"}\''
_TIME = "timestamp=$(date +%s)"
# For each mode, the lines before the call and its headers.
_SIGNED = {
    SigningMode.BEARER: ((), ('"Authorization: Bearer $secret"',)),
    SigningMode.HMAC_SHA256: (
        (_TIME, f"signature=$({_FROM_TIMED_TEXT})"),
        ('"X-Paperclip-Timestamp: $timestamp"', '"X-Paperclip-Signature: $signature"'),
    ),
    SigningMode.GITHUB_HMAC: (
        ("id=$(openssl rand -hex 16)", f"signature=$({_FROM_TEXT})"),
        ("'X-GitHub-Event: push'", '"X-GitHub-Delivery: $id"', '"X-Hub-Signature-256: sha256=$signature"'),
    ),
    SigningMode.STANDARD_WEBHOOKS: (
        ("id=msg_$(openssl rand -hex 12)", _TIME, f"key=$({_KEY})", f"signature=$({_FROM_NAMED_TEXT})"),
        ('"webhook-id: $id"', '"webhook-timestamp: $timestamp"', '"webhook-signature: v1,$signature"'),
    ),
    SigningMode.NONE: ((), ()),
}

MODE_IN_WORDS = {
    SigningMode.BEARER: "The sender shows the secret itself, in the Authorization header.",
    SigningMode.HMAC_SHA256: (
        "The sender signs the time and the body with the secret; an old request, or the same one again, is refused."
    ),
    SigningMode.GITHUB_HMAC: (
        "The sender signs the body with the secret, as GitHub does; its delivery id keeps a delivery from firing twice."
    ),
    SigningMode.STANDARD_WEBHOOKS: (
        "The sender signs id, time and body as the Standard Webhooks specification says; an old request is refused, "
        "and the same id fires once."
    ),
    SigningMode.NONE: "Nothing is checked: whoever knows the URL can fire it.",
}
"""What a signing mode checks, in a sentence."""
HAS_REPLAY_WINDOW = frozenset({SigningMode.HMAC_SHA256, SigningMode.STANDARD_WEBHOOKS})
"""The modes that look at a delivery's time."""


def curl(mode: SigningMode, url: str, secret: str | None = None) -> str:
    """The lines of a POSIX shell that send a signed delivery; without the secret, the first line waits for it."""
    before, headers = _SIGNED[mode]
    given = [] if mode is SigningMode.NONE else [f"secret={quote(secret or SECRET_TO_BE_FILLED_IN)}"]
    call = [
        f"curl -sS -X POST {quote(url)}",
        *(f"-H {header}" for header in ("'Content-Type: application/json'", *headers)),
        '-d "$body"',
    ]
    return "\n".join([*given, _BODY, *before, " \\\n  ".join(call)])
