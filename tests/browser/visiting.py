"""A visit to a page in a real browser that keeps what the page complains about and asks for."""

from __future__ import annotations

from pathlib import Path


class Visit:
    """A page in the browser, and everything that it complained about or asked for."""

    def __init__(self, browser, file: Path, width: int = 1280, colours: str = "light", touch: bool = False):
        self.complaints: list[str] = []
        self.asked_for: list[str] = []
        view = {"width": width, "height": 900}
        self.page = browser.new_page(viewport=view, color_scheme=colours, has_touch=touch, is_mobile=touch)
        self.page.on(
            "console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/*", self._judge)
        self.page.goto(file.as_uri(), wait_until="load")

    def _judge(self, route) -> None:
        address = route.request.url
        if address.startswith(("file:", "data:", "blob:")):
            route.continue_()
        else:
            self.asked_for.append(address)
            route.abort()

    def column(self, grid: str, place: int) -> list[str]:
        """The cells of a column, as far as they are shown."""
        cells = self.page.locator(f"#{grid} tbody tr:visible > :nth-child({place})")
        return [text.strip() for text in cells.all_inner_texts()]

    def scroll_through(self) -> None:
        """Bring every part of the page near the screen once, so that all of it is drawn."""
        height = self.page.evaluate("document.documentElement.scrollHeight")
        for y in range(0, height + 1000, 600):
            self.page.evaluate(f"window.scrollTo({{top: {y}, behavior: 'instant'}})")
            self.page.wait_for_timeout(100)
        self.page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
