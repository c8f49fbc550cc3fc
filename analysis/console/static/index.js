// The list of logs: fills each line from the API, one log after another, so that the page is there at once.

import { element } from "./dom.js";
import { clock, count, fixed, localTime } from "./format.js";

const PATHS = 2; // Logs that are read at the same time.

function cell(row, name, ...content) {
  row.querySelector(`[data-field="${name}"]`).replaceChildren(...content);
}

function fill(row, card) {
  const link = row.querySelector(".model a");
  if (card.model !== link.textContent) {
    row.querySelector(".file").textContent = link.textContent;
    link.textContent = card.model;
  }
  const sub = (text) => element("span", { className: "sub", text });
  cell(row, "track", card.track || "–", sub(card.direction));
  cell(row, "time", localTime(card.started_at) || "–");
  cell(row, "duration", clock(card.duration_s, 1));
  cell(row, "frames", count(card.frames), sub(card.dropped ? `${count(card.dropped)} dropped` : ""));
  cell(row, "fps", fixed(card.fps, 1));
  cell(row, "laps", card.laps === null ? "–" : String(card.laps));
  cell(row, "best", card.best_lap_s === null ? "–" : `${card.best_lap_s.toFixed(2)} s`);
  const latency = `${fixed(card.latency_p50_ms, 1)} / ${fixed(card.latency_p99_ms, 1)} ms`;
  cell(row, "latency", card.latency_p50_ms === null ? "–" : latency);
  const damage = element("span", { className: "alarm", text: card.damage ? "damaged" : "" });
  cell(row, "stop", card.stop_reason, damage);
  if (card.damage) damage.title = card.damage;
  if (card.frames > 0) {
    const id = encodeURIComponent(card.id);
    const picture = element("img", { attributes: { src: `/api/log/${id}/thumbnail.jpg?v=${card.version}`, alt: "" } });
    row.querySelector(".thumbnail").replaceChildren(picture);
  }
}

/** A log that cannot be read keeps its line, with the reason across it. */
function refuse(row, reason) {
  for (const each of row.querySelectorAll("[data-field]")) each.remove();
  row.append(element("td", { className: "refused", text: reason, attributes: { colspan: 9 } }));
}

async function load(row) {
  const response = await fetch(`/api/log/${encodeURIComponent(row.dataset.log)}/card`);
  const answer = await response.json();
  if (response.ok) fill(row, answer);
  else refuse(row, answer.error);
}

async function main() {
  if (location.search) history.replaceState(null, "", location.pathname);
  const rows = [...document.querySelectorAll("tr[data-log]")];
  for (const row of rows) {
    row.addEventListener("click", (event) => {
      if (!event.target.closest("a")) row.querySelector(".model a").click();
    });
  }
  const queue = rows.values();
  const work = async () => {
    for (const row of queue) await load(row);
  };
  await Promise.all(Array.from({ length: PATHS }, work));
}

main();
