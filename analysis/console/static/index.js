// The list of runs: fills each line from the API, one after another, so that the page is there at once.

import { Arrivals } from "./arrivals.js";
import { Bin } from "./bin.js";
import { change } from "./change.js";
import { byId, element } from "./dom.js";
import { clock, count, fixed, localTime } from "./format.js";
import { offerKeys } from "./keys.js";
import { RunTable, tagButton } from "./run_table.js";
import { TableAddress } from "./table_address.js";

const PATHS = 2; // Logs that are read at the same time.
const SCORED = { weave_cm: [1, "cm"], straight_tv: [0, "°/m"], margin_cm: [1, "cm"], off_tracks: [2, "/ lap"], confidence: [2, ""] };

const sub = (text) => element("span", { className: "sub", text });

function cell(row, name, ...content) {
  row.querySelector(`[data-field="${name}"]`).replaceChildren(...content);
}

function fill(row, card) {
  const link = row.querySelector(".model a");
  if (card.model !== link.textContent) {
    row.querySelector(".file").textContent = link.textContent;
    link.textContent = card.model;
  }
  showRemarks(row, card.remarks);
  cell(row, "track", card.track || "–", sub(card.direction));
  cell(row, "time", localTime(card.started_at) || "–", sub(clock(card.duration_s, 1)));
  const dropped = card.dropped ? `, ${count(card.dropped)} dropped` : "";
  cell(row, "frames", count(card.frames), sub(`${fixed(card.fps, 1)} fps${dropped}`));
  cell(row, "laps", card.laps === null ? "–" : String(card.laps));
  cell(row, "best", card.best_lap_s === null ? "–" : `${card.best_lap_s.toFixed(2)} s`);
  const [low, high] = card.score_interval;
  cell(row, "score", fixed(card.score, 0), sub(low === null ? "" : `${fixed(low, 1)} to ${fixed(high, 1)}`));
  for (const [key, [digits, unit]] of Object.entries(SCORED)) {
    const value = card.figures[key];
    cell(row, key, value === null ? "–" : `${fixed(value, digits)} ${unit}`);
  }
  const latency = `${fixed(card.latency_p50_ms, 1)} / ${fixed(card.latency_p99_ms, 1)} ms`;
  cell(row, "latency", card.latency_p50_ms === null ? "–" : latency);
  cell(row, "stop", card.stop_reason);
  const damage = row.querySelector(".damage");
  damage.textContent = card.damage ? "damaged" : "";
  damage.title = card.damage ?? "";
  if (card.has_pictures) {
    const id = encodeURIComponent(card.id);
    const picture = element("img", { attributes: { src: `/api/log/${id}/thumbnail.jpg?v=${card.version}`, alt: "" } });
    row.querySelector(".thumbnail").replaceChildren(picture);
  } else row.querySelector(".thumbnail").replaceChildren(element("span", { className: "muted", text: "no picture" }));
}

function showRemarks(row, { tags, note }) {
  row.querySelector(".tags").replaceChildren(...tags.map((text) => tagButton(text)));
  row.querySelector(".note").textContent = note;
}

/** What a column is sorted by. */
function sortKeys(card) {
  return {
    model: card.model,
    track: `${card.track} ${card.direction}`,
    time: card.started_at,
    frames: card.frames,
    laps: card.laps,
    best: card.best_lap_s,
    latency: card.latency_p50_ms,
    stop: card.stop_reason,
    ...Object.fromEntries(Object.keys(SCORED).map((key) => [key, card.figures[key]])),
  };
}

/** A log that cannot be read keeps its line, with the reason across it. */
function refuse(row, reason) {
  const fields = row.querySelectorAll("[data-field]");
  const wide = fields.length;
  for (const each of fields) each.remove();
  row.querySelector(".model").after(element("td", { className: "refused", text: reason, attributes: { colspan: wide } }));
}

class Page {
  constructor() {
    this.ranked = []; // The lines that a ranking would be of.
    this.table = new RunTable(
      byId("runs"),
      (chosen, shown) => this.#offerTools(chosen, shown),
      (how) => this.address.write(how),
    );
    this.address = new TableAddress(this.table);
    this.cards = new Map();
    this.editing = null;
    byId("compare").addEventListener("click", () => {
      const [a, b] = this.table.chosen().map((row) => encodeURIComponent(row.dataset.log));
      location.assign(`/compare/${a}/${b}`);
    });
    byId("rank").addEventListener("click", () => {
      location.assign(`/rank?runs=${this.ranked.map((row) => encodeURIComponent(row.dataset.log)).join(",")}`);
    });
    byId("remarks-save").addEventListener("click", () => this.#save());
    byId("remarks-cancel").addEventListener("click", () => byId("remarks").close());
    byId("undo-button").addEventListener("click", () => this.#putBack());
    for (const row of this.table.rows) this.#wire(row);
    offerKeys([
      [["/"], "Filter", () => byId("filter").focus()],
      [["c"], "Compare the two chosen runs", () => byId("compare").click()],
      [["r"], "Rank the chosen runs, or all that are shown", () => byId("rank").click()],
    ]);
  }

  /** Show the logs that there are now: new ones are read, those that are gone go. */
  async renew() {
    const response = await fetch("/api/logs");
    if (!response.ok) return;
    const { logs } = await response.json();
    const here = new Map(this.table.rows.map((row) => [row.dataset.log, row]));
    const present = new Set(logs.map(({ id }) => id));
    for (const [id, row] of here) if (!present.has(id)) this.table.remove(row);
    // All of them are shown before the first one is read: that may take a while.
    const arrived = logs.filter((log) => !here.has(log.id)).reverse();
    for (const row of arrived.map(({ id, name }) => this.#arrive(id, name))) await this.load(row);
  }

  /** A log has come back from the bin: there is nothing left to undo. */
  async returned() {
    byId("undo").hidden = true;
    await this.renew();
  }

  #arrive(id, name) {
    const row = byId("line").content.querySelector("tr").cloneNode(true);
    row.dataset.log = id;
    row.querySelector(".chosen").setAttribute("aria-label", `Choose ${name}`);
    for (const link of row.querySelectorAll("a")) link.href = `/log/${encodeURIComponent(id)}`;
    row.querySelector(".model a").textContent = name;
    this.#wire(row);
    this.table.add(row);
    return row;
  }

  /** Read a log that is still in the list. */
  async load(row) {
    if (!row.isConnected) return;
    const response = await fetch(`/api/log/${encodeURIComponent(row.dataset.log)}/card`);
    const answer = await response.json();
    if (!row.isConnected) return;
    if (!response.ok) {
      refuse(row, answer.error);
      return;
    }
    this.cards.set(row, answer);
    fill(row, answer);
    this.table.know(row, sortKeys(answer));
  }

  /** Two chosen runs can be compared; the chosen ones, or else all that are shown, can be ranked. */
  #offerTools(chosen, shown) {
    byId("compare").disabled = chosen.length !== 2;
    this.ranked = chosen.length ? chosen : shown;
    const runs = this.ranked.length;
    const most = Number(byId("rank").dataset.most);
    byId("rank").disabled = runs < 2 || runs > most;
    byId("rank").textContent = runs < 2 ? "Rank runs" : `Rank ${count(runs)} runs`;
    byId("rank").title = `The chosen runs, or all that are shown, in order over the measures they share: 2 to ${most}`;
  }

  #wire(row) {
    row.addEventListener("click", (event) => {
      if (!event.target.closest("a, button, input, .choose")) row.querySelector(".model a").click();
    });
    row.querySelector(".edit").addEventListener("click", () => this.#edit(row));
    row.querySelector(".delete").addEventListener("click", () => this.#delete(row));
  }

  #edit(row) {
    const remarks = this.cards.get(row)?.remarks ?? { tags: [], note: "" };
    this.editing = row;
    byId("remarks-tags").value = remarks.tags.join(", ");
    byId("remarks-note").value = remarks.note;
    byId("remarks-problem").textContent = "";
    byId("remarks").showModal();
  }

  async #save() {
    const row = this.editing;
    const tags = byId("remarks-tags").value.split(",");
    const note = byId("remarks-note").value;
    try {
      const remarks = await change(`/api/log/${encodeURIComponent(row.dataset.log)}/remarks`, { tags, note });
      const card = this.cards.get(row);
      if (card) card.remarks = remarks;
      showRemarks(row, remarks);
      this.table.filter();
      byId("remarks").close();
    } catch (error) {
      byId("remarks-problem").textContent = error.message;
    }
  }

  async #delete(row) {
    try {
      const { key, name } = await change(`/api/log/${encodeURIComponent(row.dataset.log)}/delete`);
      this.table.remove(row);
      this.#offer(`${name} is in the bin.`, key);
    } catch (error) {
      this.#offer(error.message, null);
    }
  }

  #offer(text, key) {
    this.key = key;
    byId("undo-text").textContent = text;
    byId("undo-button").hidden = key === null;
    byId("undo").hidden = false;
  }

  async #putBack() {
    try {
      await change(`/api/bin/${this.key}/restore`);
      location.reload();
    } catch (error) {
      this.#offer(error.message, null);
    }
  }
}

async function main() {
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  const page = new Page();
  new Bin(() => page.returned());
  // Before the logs are read, which may take minutes: new ones are seen meanwhile, and read by their arrival.
  const queue = [...page.table.rows].values();
  new Arrivals(() => page.renew());
  const work = async () => {
    for (const row of queue) await page.load(row);
  };
  await Promise.all(Array.from({ length: PATHS }, work));
}

main();
