// What opens over the page of one log, and what the log says of itself along the top.

import { byId, element } from "./dom.js";
import { count, fixed, localTime } from "./format.js";

/** Run the checks on the server and show their results. */
export async function showChecks(base) {
  byId("check-results").replaceChildren(element("dt", { text: "Checking…" }));
  byId("checks").showModal();
  const response = await fetch(`${base}/checks`);
  const answer = await response.json();
  const rows = response.ok ? answer.checks : [{ name: "No check", passed: null, text: answer.error }];
  const word = (passed) => (passed === null ? "not done" : passed ? "passed" : "failed");
  byId("check-results").replaceChildren(
    ...rows.flatMap(({ name, passed, text }) => [
      element("dt", { className: word(passed).replace(" ", "-"), text: `${name}: ${word(passed)}` }),
      element("dd", { text }),
    ]),
  );
}

export async function copyLink(link) {
  if (!navigator.clipboard) {
    // Browsers give no clipboard to pages that came over plain HTTP from another machine.
    window.prompt("A link to this moment", link);
    return;
  }
  await navigator.clipboard.writeText(link);
  byId("copy-link").textContent = "Copied";
  setTimeout(() => (byId("copy-link").textContent = "Copy link"), 1200);
}

/** What the log says of itself, in one line. */
export function fillFacts({ run, started_at: started, scorecard }) {
  const facts = [
    ["", run.track],
    ["", run.direction],
    ["", localTime(started)],
    ["fps", fixed(scorecard.fps, 1)],
    ["dropped", count(scorecard.dropped)],
    ["best lap", scorecard.best_lap_s ? `${scorecard.best_lap_s.toFixed(2)} s` : ""],
  ];
  const items = facts.filter(([, value]) => value);
  byId("facts").append(
    ...items.map(([name, value]) => element("li", { text: name ? `${name} ` : "" }, [element("b", { text: String(value) })])),
  );
}

export function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = false;
}
