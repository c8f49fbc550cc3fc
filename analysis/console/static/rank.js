// The page of many runs in order: their places, every measure with its interval, and the weights to set.

import { byId, element, svg } from "./dom.js";
import { fixed } from "./format.js";
import { offerKeys } from "./keys.js";

const SETTLE_MS = 150; // A slider that is dragged asks once it rests.
const [BAR_WIDTH, BAR_HEIGHT] = [200, 14];

/** Ask until every run is measured; `wait` is told how far that is. */
async function ask(address, wait) {
  for (;;) {
    const response = await fetch(address);
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    if (response.status !== 202) return answer;
    wait(answer);
  }
}

/** A score as a bar, with the interval as a line across its end. */
function bar(score, [low, high]) {
  const scale = BAR_WIDTH / 100;
  const size = { width: BAR_WIDTH, height: BAR_HEIGHT, viewBox: `0 0 ${BAR_WIDTH} ${BAR_HEIGHT}`, "aria-hidden": "true" };
  const drawn = svg("svg", size);
  drawn.append(svg("rect", { class: "rail", width: BAR_WIDTH, height: BAR_HEIGHT, rx: 3 }));
  if (score !== null) drawn.append(svg("rect", { class: "fill", width: score * scale, height: BAR_HEIGHT, rx: 3 }));
  if (low !== null) {
    const middle = BAR_HEIGHT / 2;
    drawn.append(svg("line", { class: "range", x1: low * scale, x2: Math.max(high * scale, low * scale + 1), y1: middle, y2: middle }));
  }
  return drawn;
}

/** The rows of measures: what each run has, and a slider and a number for the weight. */
class Weights {
  /** @param changed called when a person has set a weight. */
  constructor(changed) {
    this.rows = new Map([...document.querySelectorAll("[data-measure]")].map((row) => [row.dataset.measure, row]));
    this.values = new Map();
    for (const [key, row] of this.rows) {
      for (const input of row.querySelectorAll("input")) {
        input.addEventListener("input", () => {
          if (input.value === "" || !input.validity.valid) return;
          this.#set(key, Number(input.value), input);
          changed();
        });
      }
    }
  }

  /** Take over the weights of an address; what it does not hold has its usual weight. */
  read(address) {
    const given = new URLSearchParams(new URL(address).hash.slice(1));
    for (const key of this.rows.keys()) {
      const value = given.get(key) ? Number(given.get(key)) : NaN;
      this.#set(key, value >= 0 && value < 1000 ? value : this.#usual(key));
    }
  }

  /** What an address must hold: the weights that are not the usual ones. */
  state() {
    return new URLSearchParams([...this.values].filter(([key, value]) => value !== this.#usual(key)));
  }

  /** The weights as the server reads them. */
  text() {
    return [...this.values].map(([key, value]) => `${key}=${value}`).join(",");
  }

  /** Show which weights counted, and every figure in the order of the places. */
  show(runs, figures, counted) {
    for (const [key, row] of this.rows) {
      const out = this.values.get(key) > 0 && !(key in counted);
      row.classList.toggle("idle", !(key in counted));
      row.querySelector(".sub").textContent = out ? "not in every run: does not count" : "";
      for (const old of row.querySelectorAll(".figure")) old.remove();
      row.append(...runs.map(({ id }) => this.#cell(figures[id][key])));
    }
  }

  #cell({ text, low, high }) {
    const digits = Math.abs(high) >= 100 ? 0 : Math.abs(high) >= 10 ? 1 : 2;
    const interval = low === null ? "" : `${fixed(low, digits)} to ${fixed(high, digits)}`;
    return element("td", { className: "figure number", text }, [element("span", { className: "sub", text: interval })]);
  }

  #usual(key) {
    return Number(this.rows.get(key).dataset.usual);
  }

  #set(key, value, by = null) {
    this.values.set(key, value);
    for (const input of this.rows.get(key).querySelectorAll("input")) if (input !== by) input.value = String(value);
  }
}

class Page {
  constructor(runs) {
    this.query = `runs=${runs}`;
    this.asked = 0;
    this.figures = null;
    this.weights = new Weights(() => this.#changed());
    byId("usual").addEventListener("click", () => this.#usual());
    offerKeys([
      [["u"], "Usual weights", () => this.#usual()],
      [["d"], "Download the report", () => byId("report").click()],
    ]);
    window.addEventListener("hashchange", () => this.#take());
    this.weights.read(location.href);
  }

  /** Measure, then rank. */
  async load() {
    try {
      const answer = await ask(`/api/rank/measures?${this.query}`, (far) => this.#wait(far));
      byId("waiting").hidden = true;
      this.figures = answer.figures;
      byId("refused").replaceChildren(
        ...answer.refused.map(({ name, reason }) => element("li", { text: `${name} is left out: ${reason}` })),
      );
      byId("spread").textContent = `Figures are means over the laps, where a run has three or more; intervals: bootstrap over ${answer.spread}.`;
      byId("notes").replaceChildren(...answer.parameters.map((text) => element("li", { text })));
      await this.rank();
    } catch (error) {
      byId("waiting").hidden = true;
      byId("verdict").textContent = error.message;
    }
    byId("ranking").setAttribute("aria-busy", "false");
  }

  /** Ask for the places by the weights as they are now. */
  async rank() {
    if (!this.figures) return;
    const weights = new URLSearchParams({ weights: this.weights.text() });
    byId("report").href = `/api/rank/report.html?${this.query}&${weights}`;
    const number = (this.asked += 1);
    const answer = await ask(`/api/rank?${this.query}&${weights}`, () => {});
    if (number !== this.asked) return; // The weights have moved on.
    byId("verdict").textContent = answer.verdict;
    byId("places").replaceChildren(...answer.runs.flatMap((run, at) => this.#lines(run, answer.neighbours[at])));
    const heads = answer.runs.map(({ name, place }) =>
      element("th", { className: "number run", text: String(place ?? "–") }, [element("span", { className: "sub", text: name })]),
    );
    byId("heads").replaceChildren(...[...byId("heads").children].slice(0, 2), ...heads);
    this.weights.show(answer.runs, this.figures, answer.weights);
  }

  #changed() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      const state = this.weights.state().toString();
      history.replaceState(null, "", `/rank?${this.query}${state ? `#${state}` : ""}`);
      this.#rankOrSay();
    }, SETTLE_MS);
  }

  #usual() {
    history.replaceState(null, "", `/rank?${this.query}`);
    this.#take();
  }

  #take() {
    this.weights.read(location.href);
    this.#rankOrSay();
  }

  #rankOrSay() {
    this.rank().catch((error) => (byId("verdict").textContent = error.message));
  }

  #wait({ measured, of }) {
    byId("waiting").hidden = false;
    byId("waiting-text").textContent = `Measuring: ${measured} of ${of} runs`;
    byId("waiting-share").value = measured / of;
  }

  #lines(run, neighbour) {
    const link = element("a", { text: run.name, attributes: { href: `/log/${encodeURIComponent(run.id)}` } });
    const number = (text) => element("td", { className: "number", text });
    const line = element("tr", { className: "place" }, [
      element("td", { className: "number rank", text: String(run.place ?? "–") }),
      element("td", { className: "name" }, [link, element("span", { className: "sub", text: run.track })]),
      element("td", { className: "number strong", text: fixed(run.score, 1) }),
      element("td", {}, [bar(run.score, run.interval), element("span", { className: "sub", text: this.#interval(run) })]),
      number(run.laps ? String(run.laps) : "–"),
      number(run.best_lap_s === null ? "–" : `${fixed(run.best_lap_s, 2)} s`),
    ]);
    if (!neighbour) return [line];
    const said = element("td", { text: neighbour, attributes: { colspan: 5 } });
    const sure = neighbour.startsWith("No verdict") ? "between" : "between sure";
    return [line, element("tr", { className: sure }, [element("td"), said])];
  }

  #interval({ score, interval: [low, high] }) {
    if (score === null) return "";
    return low === null ? "too few laps for an interval" : `${fixed(low, 1)} to ${fixed(high, 1)}`;
  }
}

const { runs } = document.body.dataset;
// The token, if one opened the page, must not travel on in a copied link.
history.replaceState(null, "", `/rank?runs=${runs}${location.hash}`);
new Page(runs).load();
