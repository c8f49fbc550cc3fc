// The page of two runs, or of one run under two policies: both at one moment, one moment of a lap, or one place.

import { CompareChart } from "./compare_chart.js";
import { Side } from "./compare_side.js";
import { byId, element } from "./dom.js";
import { fixed, signed } from "./format.js";
import { offerKeys } from "./keys.js";
import { methodTitle } from "./methods.js";
import { unpack } from "./recording.js";

const WAYS = { time: "time", lap: "time in the lap", place: "place on the track" };
const HEATS = ["off", "hirescam", "all-layers", "gradcam"];
const CHOICES = ["policy_a", "policy_b", "lap_a", "lap_b"];
const DASH = "–"; // Where there is no figure.
const STRIDE = 20; // Points that a key with Shift goes.
const PLACE_S = 20; // How long playing along the track takes.

class Page {
  constructor(runs) {
    this.runs = runs;
    this.at = 0;
    this.playing = false;
    this.heat = HEATS[1]; // What the key turns on again.
    this.sides = ["a", "b"].map((letter) => new Side(letter, () => this.choose()));
    const title = (heat) => (heat === "off" ? "no heat map" : methodTitle(heat));
    byId("heat").append(...HEATS.map((value) => element("option", { text: title(value), attributes: { value } })));
    byId("heat").addEventListener("change", () => this.setHeat(byId("heat").value));
    byId("align").addEventListener("change", () => this.align());
    byId("moment").addEventListener("input", (event) => this.seek(Number(event.target.value)));
    byId("back").addEventListener("click", () => this.seek(this.at - 1));
    byId("forward").addEventListener("click", () => this.seek(this.at + 1));
    byId("play").addEventListener("click", () => this.toggle());
    window.addEventListener("hashchange", () => this.load());
    offerKeys(this.#keys());
  }

  /** Ask the server for both sides as the page's address has it. */
  async load() {
    const given = new URLSearchParams(location.hash.slice(1));
    const query = new URLSearchParams(CHOICES.filter((name) => given.get(name)).map((name) => [name, given.get(name)]));
    const [first, second] = this.runs.map(encodeURIComponent);
    byId("comparison").setAttribute("aria-busy", "true");
    const [answer, shelf] = await Promise.all(
      [`/api/compare/${first}/${second}?${query}`, "/api/policies"].map((address) => fetch(address).then((response) => response.json())),
    );
    byId("comparison").setAttribute("aria-busy", "false");
    if (answer.error) {
      byId("verdict").textContent = answer.error;
      return;
    }
    this.answer = answer;
    this.sides.forEach((side, i) => side.take(answer.runs[i], shelf.policies));
    document.body.classList.toggle("no-pictures", !answer.runs.some((run) => run.has_pictures));
    byId("verdict").textContent = answer.verdict;
    byId("lacking").textContent = answer.lacking;
    byId("lacking").hidden = answer.lacking === "";
    byId("notes").replaceChildren(...answer.parameters.map((text) => element("li", { text })));
    byId("measures").replaceChildren(...answer.rows.map((row) => this.#row(row)));
    byId("measures-panel").hidden = this.runs[0] === this.runs[1];
    const ways = Object.keys(WAYS).filter((way) => answer.ways[way]);
    byId("align").replaceChildren(...ways.map((value) => element("option", { text: WAYS[value], attributes: { value } })));
    byId("align").value = ways.includes(given.get("by")) ? given.get("by") : ways.at(-1);
    byId("heat").value = HEATS.includes(given.get("heat")) ? given.get("heat") : "hirescam";
    if (byId("heat").value !== "off") this.heat = byId("heat").value;
    this.at = Number(given.get("at")) || 0;
    this.align();
  }

  /** Load again, with the laps and policies that were chosen. */
  choose() {
    history.replaceState(null, "", this.#address());
    this.load();
  }

  align() {
    const { axis, frames, signals, unit } = this.answer.ways[byId("align").value];
    this.axis = unpack(axis);
    this.frames = frames.map(unpack);
    this.unit = unit;
    this.charts = signals.map((signal) => new CompareChart(signal, (at) => this.seek(at)));
    byId("charts").replaceChildren(...this.charts.map((chart) => chart.root));
    byId("moment").max = String(this.axis.length - 1);
    this.seek(this.at);
  }

  seek(at) {
    this.at = Math.max(0, Math.min(this.axis.length - 1, at));
    byId("moment").value = String(this.at);
    byId("at").textContent = `${fixed(this.axis[this.at], 1)} ${this.unit}`;
    this.sides.forEach((side, i) => side.show(this.frames[i][this.at], byId("heat").value));
    for (const chart of this.charts) chart.show(this.at);
    clearTimeout(this.writing);
    this.writing = setTimeout(() => history.replaceState(null, "", this.#address()), 200);
  }

  toggle() {
    this.playing = !this.playing;
    document.body.classList.toggle("playing", this.playing);
    if (!this.playing) return;
    const last = this.axis.length - 1;
    if (this.at === last) this.seek(0);
    const took = this.unit === "s" ? this.axis[last] : PLACE_S;
    const [began, from] = [performance.now(), this.at];
    const tick = (now) => {
      if (!this.playing) return;
      const at = Math.min(last, from + Math.floor((Math.max(0, now - began) / 1000 / took) * last));
      if (at !== this.at) this.seek(at);
      if (at < last) requestAnimationFrame(tick);
      else this.toggle();
    };
    requestAnimationFrame(tick);
  }

  #address() {
    const state = new URLSearchParams({ by: byId("align").value, at: this.at });
    if (byId("heat").value !== "hirescam") state.set("heat", byId("heat").value);
    const best = this.answer.runs.map(({ laps }) => laps.reduce((one, lap) => (lap.time_s < one.time_s ? lap : one), laps[0])?.number);
    this.sides.forEach((side, i) => {
      for (const [name, value] of Object.entries(side.chosen())) {
        if (value && value !== String(best[i])) state.set(name, value);
      }
    });
    return `${location.pathname}#${state}`;
  }

  #keys() {
    const keys = [
      [["Space"], "Play or pause", () => this.toggle()],
      [["ArrowLeft"], "One step back", () => this.seek(this.at - 1)],
      [["ArrowRight"], "One step on", () => this.seek(this.at + 1)],
      [["Shift+ArrowLeft"], "A stride back", () => this.seek(this.at - STRIDE)],
      [["Shift+ArrowRight"], "A stride on", () => this.seek(this.at + STRIDE)],
      [["Home"], "The beginning", () => this.seek(0)],
      [["End"], "The end", () => this.seek(this.axis.length - 1)],
      [["b"], "Side by side by the next of time, lap, place", () => this.#nextWay()],
      [["g"], "Heat maps on or off", () => this.setHeat(byId("heat").value === "off" ? this.heat : "off")],
    ];
    return keys.map(([names, words, action]) => [names, words, () => this.charts && action()]);
  }

  setHeat(heat) {
    byId("heat").value = heat;
    if (heat !== "off") this.heat = heat;
    this.seek(this.at);
  }

  #nextWay() {
    const { options, selectedIndex } = byId("align");
    byId("align").selectedIndex = (selectedIndex + 1) % options.length;
    this.align();
  }

  #row({ title, about, values, difference, judgement }) {
    const number = (text) => element("td", { className: "number", text });
    const interval = difference ? `${signed(difference[1], 2)} to ${signed(difference[2], 2)}` : DASH;
    return element("tr", {}, [
      element("td", { text: title, attributes: { title: about } }),
      ...values.map(number),
      number(difference ? signed(difference[0], 2) : DASH),
      number(interval),
      element("td", { className: "judged", text: judgement }),
    ]);
  }
}

const { first, second } = document.body.dataset;
if (location.search) history.replaceState(null, "", location.pathname + location.hash);
new Page([first, second]).load();
