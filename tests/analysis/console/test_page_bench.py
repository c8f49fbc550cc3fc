from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from analysis.console import page_bench
from analysis.console.modules import modules_of
from analysis.console.page_bench import measure_pages
from tests.car.policies import save_policy


def test_every_page_names_all_scripts_that_it_needs() -> None:
    static = Path(page_bench.__file__).parent / "static"

    assert {"compare.js", "pane.js", "dom.js"} <= set(modules_of("compare.js"))
    assert "log.js" not in modules_of("live.js")
    pages = ("log.js", "index.js", "compare.js", "live.js", "bench.js", "rank.js")
    used = {name for page in pages for name in modules_of(page)}
    assert used == {path.name for path in static.glob("*.js")}, "a script that no page needs, or lacks"


def test_the_pages_are_measured_in_the_browser(browser: Browser, tmp_path: Path) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    lines = measure_pages(browser, minutes=0.05, policy=policy, seconds=0.3, steps=3, views=1)

    assert len(lines) == 6
    assert all(values and min(values) > 0 for values in lines.values())
