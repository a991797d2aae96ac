"""Whether a page holds nothing that does anything but what we put there: read as a browser reads it."""

from __future__ import annotations

from html.parser import HTMLParser

OWN_SCRIPTS = "/static/"
_ELEMENTS = """
html head meta title link script body a header span nav ul ol li main p div h1 h2 h3 h4 br meter form label
select datalist option optgroup input textarea button table caption thead tbody tr th td time code pre
details summary dl dt dd b strong fieldset legend section article svg path g rect circle line text
"""
OWN_ELEMENTS = frozenset(_ELEMENTS.split())
ADDRESSES = frozenset({"href", "src", "action", "formaction", "data", "xlink:href"})
LOUD = frozenset({"alert", "raise"})
"""Words of `support.hostile` that no name of an element or attribute may hold."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in OWN_ELEMENTS, f"<{tag}> in {self.get_starttag_text()}"
        given = dict(attrs)
        assert len(given) == len(attrs), f"an attribute comes twice in {self.get_starttag_text()}"
        for name, value in attrs:
            assert not name.startswith("on"), f"{name} in {self.get_starttag_text()}"
            assert name != "style", f"{name} in {self.get_starttag_text()}"
            assert not any(word in name for word in LOUD), f"{name} in {self.get_starttag_text()}"
            if name in ADDRESSES and tag != "svg":
                assert (value or "").startswith(("/", "?", "#")), f"{name} leads to {value}"
                assert not (value or "").startswith("//"), f"{name} leads to {value}"
        if tag == "script":
            self.script = True
            assert (given.get("src") or "").startswith(OWN_SCRIPTS), f"{self.get_starttag_text()}"

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self.script = False

    def handle_data(self, data: str) -> None:
        assert not self.script or not data.strip(), f"a script within the page: {data}"


def require_inert(source: str) -> None:
    """The page has no element, attribute, script or link but those that its templates have."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
