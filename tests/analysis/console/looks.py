"""Whether a page can be read and touched: measured in the browser, so that no style is forgotten."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import CDPSession, Locator, Page

LEAST_TOUCH_PX = 44
LEAST_CONTRAST = 4.5

# The bars of a policy's actions share the width, however many there are.
_SMALL = """least => [...document.querySelectorAll("button, a.button, label.button, select, input, .chosen")]
    .filter((one) => one.checkVisibility() && !one.matches(".sr-only, dialog *"))
    .map((one) => (one.matches(".choose input") ? one.parentElement : one))
    .map((one) => [one, one.getBoundingClientRect()])
    .filter(([one, box]) => Math.min(one.matches(".action") ? least : box.width, box.height) < least - 0.5)
    .map(([one, box]) => `${one.id || one.className || one.tagName}: ${box.width} x ${box.height}`)"""

# Text on pictures is left out: what lies under it is no one colour. Disabled controls are dim on purpose.
_FAINT = """least => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const layers = (colours) => {
        context.clearRect(0, 0, 1, 1);
        for (const colour of colours) {
            context.fillStyle = colour;
            context.fillRect(0, 0, 1, 1);
        }
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => rgb
        .map((value) => value / 255)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim();
        const one = walker.currentNode.parentElement;
        if (!text || !one.checkVisibility() || one.closest(".stage, :disabled, script, template, option")) {
            continue;
        }
        const backs = [];
        for (let at = one; at; at = at.parentElement) backs.unshift(getComputedStyle(at).backgroundColor);
        const [back, front] = [layers(backs), layers([...backs, getComputedStyle(one).color])];
        const [dark, bright] = [light(back), light(front)].sort((a, b) => a - b);
        const contrast = (bright + 0.05) / (dark + 0.05);
        if (contrast < least) faint.push(`${text.slice(0, 30)}: ${contrast.toFixed(2)}`);
    }
    return faint;
}"""


def too_wide(page: Page) -> int:
    """By how many pixels the page, or a part of it that does not scroll, runs over the right edge."""
    return int(
        page.evaluate(
            """() => Math.max(
                document.documentElement.scrollWidth - innerWidth,
                ...[...document.querySelectorAll("main > *, main table, header > *")]
                    .filter((one) => one.checkVisibility() && !one.closest(".scroll, .sr-only"))
                    .map((one) => Math.ceil(one.getBoundingClientRect().right) - innerWidth),
            )"""
        )
    )


def too_small_to_touch(page: Page) -> list[str]:
    """Controls that a finger cannot hit."""
    found: list[str] = page.evaluate(_SMALL, LEAST_TOUCH_PX)
    return found


def too_faint(page: Page) -> list[str]:
    """Text whose contrast is below what WCAG 2.2 asks for (AA, 1.4.3)."""
    found: list[str] = page.evaluate(_FAINT, LEAST_CONTRAST)
    return found


class Fingers:
    """Fingers on a page, each where it is told to be; Playwright itself knows only a tap."""

    def __init__(self, page: Page) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)

    def press(self, *points: tuple[float, float]) -> None:
        """Put fingers down beside those that are there; all that are down are given, in order."""
        self._send("touchStart", points)

    def move(self, *points: tuple[float, float]) -> None:
        self._send("touchMove", points)

    def lift(self) -> None:
        self._send("touchEnd", ())

    def cancel(self) -> None:
        """What the system does when it takes the touch for a gesture of its own."""
        self._send("touchCancel", ())

    def _send(self, kind: str, points: tuple[tuple[float, float], ...]) -> None:
        touches: list[dict[str, Any]] = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


def middle(element: Locator, x: float = 0.5, y: float = 0.5) -> tuple[float, float]:
    """A point of an element on the screen, by its shares of width and height."""
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y
