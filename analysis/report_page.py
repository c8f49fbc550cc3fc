"""The report of a ranking as one HTML file that needs nothing else: for a phone, a wall, or an e-mail."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from analysis.measures_pace import CONSECUTIVE
from analysis.ranking import Ranked, Ranking
from analysis.run_card import BY_KEY, RunCard

DASH = "–"  # noqa: RUF001
"""Stands in a table where there is no figure."""

_STYLE = """
:root{color-scheme:light dark;--ink:#14191e;--mute:#56626d;--line:#d5dade;--ground:#fff;--fill:#b45309}
@media(prefers-color-scheme:dark){:root{--ink:#eef2f5;--mute:#95a1ad;--line:#262e36;--ground:#0b0e11;--fill:#ff9f1c}}
body{margin:2rem auto;max-width:1200px;padding:0 1rem;background:var(--ground);color:var(--ink);
font:15px/1.45 system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{padding:.4rem .6rem;border-bottom:1px solid var(--line)}
th{text-align:left;font-weight:600}td.n,th.n{text-align:right;white-space:nowrap}
.verdict{font-size:1.15rem}.best{font-weight:700}.mute{color:var(--mute)}
svg{display:block}.track{fill:var(--line)}.fill{fill:var(--fill)}.range{stroke:var(--ink);stroke-width:2}
"""


_SPREAD = {
    "lap": "laps",
    "piece": "pieces of ten seconds where a log has no laps",
    "episode": "episodes of a simulator",
}


def report_html(ranking: Ranking, title: str = "Which model to race", *, mean_of: int = CONSECUTIVE) -> str:
    """Return the whole page; every text that came from a log is escaped.

    Args:
        ranking: the runs in order.
        title: of the page.
        mean_of: how many laps in a row the best mean is over.
    """
    placed = zip(ranking.places(), ranking.runs, strict=True)
    rows = "\n".join(_score_row(place, run, mean_of) for place, run in placed)
    cards = [run.card for run in ranking.runs]
    names = "".join(f'<th class="n">{escape(card.name)}</th>' for card in cards)
    weights = (
        ", ".join(f"{BY_KEY[key].title} {weight:g}" for key, weight in ranking.weights.items()) or "none"
    )
    notes = "".join(
        f"<li>{escape(line)}</li>" for line in sorted({p for c in cards for p in c.parameters if p})
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p class="verdict">{escape(ranking.verdict())}</p>
<div class="scroll"><table><thead><tr><th class="n">#</th><th>Run</th><th>Track</th><th class="n">Score</th>
<th>0 to 100, with its 95 % interval</th><th class="n">Laps</th><th class="n">Best lap</th>
<th class="n">{mean_title(mean_of)}</th><th>Better than</th></tr></thead><tbody>
{rows}
</tbody></table></div>
<p class="mute">Weights: {escape(weights)}. Intervals: bootstrap over {spread(cards)}, 1000 draws.</p>
<h2>Every measure</h2>
<div class="scroll"><table><thead><tr><th>Measure</th>{names}
<th>What it is</th></tr></thead><tbody>
{"".join(_measure_row(key, cards) for key in BY_KEY)}
</tbody></table></div>
<ul class="mute">{notes}</ul>
</body></html>
"""


def mean_title(count: int) -> str:
    """Return what the best mean of so many laps in a row is called."""
    return f"Best mean of {count}"


def spread(cards: Iterable[RunCard]) -> str:
    """Say what the intervals of some runs are found from."""
    kinds = {card.piece_kind for card in cards}
    return ", ".join(words for kind, words in _SPREAD.items() if kind in kinds) or "nothing"


def shown(value: float | None, key: str) -> str:
    """Return a figure as people read it, with its unit; a dash where it is unknown."""
    if value is None or not math.isfinite(value):
        return DASH
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    unit = BY_KEY[key].unit
    return f"{value:.{digits}f}" + (f" {unit}" if unit else "")


def shown_of(card: RunCard, key: str) -> str:
    """Return a figure of a run as people read it; what stands in for a measured one is marked as about so."""
    return ("≈ " if key in card.stand_ins else "") + shown(card.figures[key], key)


def best_of(key: str, cards: list[RunCard]) -> float | None:
    """Return the best value of a measure among runs."""
    known = [card.figures[key] for card in cards if math.isfinite(card.figures[key])]
    choose = min if BY_KEY[key].better == "lower" else max
    return choose(known, default=None)


def _score_row(place: int | None, run: Ranked, mean_of: int) -> str:
    card = run.card
    times = (card.best_lap_s, card.best_mean_s(mean_of))
    best, mean = (DASH if time_s is None else f"{time_s:.2f} s" for time_s in times)
    score = f"{run.score:.1f}" if math.isfinite(run.score) else DASH
    return (
        f'<tr><td class="n">{place or ""}</td><td>{escape(card.name)}</td><td>{escape(card.track)}</td>'
        f'<td class="n">{score}</td><td>{_bar(run)}</td><td class="n">{len(card.laps_s)}</td>'
        f'<td class="n">{best}</td><td class="n">{mean}</td><td>{escape(", ".join(run.worse))}</td></tr>'
    )


def _bar(run: Ranked) -> str:
    if not math.isfinite(run.score):
        return ""
    reach = ""
    if math.isfinite(run.low):
        low, high = 2 * run.low, max(2 * run.high, 2 * run.low + 1)
        reach = f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="7" y2="7"/>'
    return (
        '<svg width="200" height="14" role="img"><rect class="track" width="200" height="14" rx="3"/>'
        f'<rect class="fill" width="{2 * run.score:.1f}" height="14" rx="3"/>{reach}</svg>'
    )


def _measure_row(key: str, cards: list[RunCard]) -> str:
    measure = BY_KEY[key]
    best = best_of(key, cards)
    cells = "".join(
        f'<td class="n{" best" if len(cards) > 1 and card.figures[key] == best else ""}">'
        f"{escape(shown_of(card, key))}</td>"
        for card in cards
    )
    return f'<tr><td>{escape(measure.title)}</td>{cells}<td class="mute">{escape(measure.about)}</td></tr>\n'
