"""Text that tries to come alive in a page: tests put it into every field, and nothing of it may be more than text."""

from __future__ import annotations

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "'><a href=javascript:alert(4)>x</a>",
    "javascript:alert(5)",
    "</textarea></title></style><script>alert(6)</script>",
    "{{ 7 * 7 }}{% raise %}${7*7}",
    "</script><script>alert(8)</script><!--",
    "&lt;script&gt;alert(9)&lt;/script&gt;",
    "\u202egnitirw\u202c \u2028 \ufeff",
)
"""Each stands for a way out of where text is put: element, attribute, link, text area, template, script, entity."""

ALL_AT_ONCE = " ".join(HOSTILE)
"""All of them, for fields that take long texts; a title takes 200 characters."""
