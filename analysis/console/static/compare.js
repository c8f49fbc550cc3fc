// The page of two runs: both at one moment of time, or at one place on the track, with what differs.

import { byId, colour, element, onDrag, sharpCanvas } from "./dom.js";
import { fixed, signed } from "./format.js";
import { unpack } from "./recording.js";

const PAD = 6;
const SIDES = ["a", "b"];

class Chart {
  constructor(signal, seek) {
    this.signal = signal;
    this.values = signal.values.map(unpack);
    this.difference = this.values[0].map((value, i) => value - this.values[1][i]);
    this.at = 0;
    this.labels = SIDES.map((side) => element("span", { className: `value value-${side}` }));
    this.canvas = element("canvas", { attributes: { role: "img", "aria-label": `${signal.title} of both runs, and their difference` } });
    this.root = element("div", { className: "signal-row" }, [
      element("div", {}, [element("span", { className: "name", text: `${signal.title} ${signal.unit}` }), ...this.labels]),
      this.canvas,
    ]);
    this.redraw = sharpCanvas(this.canvas, (context, width, height) => this.#draw(context, width, height));
    onDrag(this.canvas, (x) => seek(Math.round((x / this.canvas.clientWidth) * (this.difference.length - 1))));
  }

  show(at) {
    this.at = at;
    this.labels.forEach((label, i) => (label.textContent = `${"AB"[i]} ${fixed(this.values[i][at], 2)}`));
    this.labels[1].textContent += `   (${signed(this.difference[at], 2)})`;
    this.redraw();
  }

  #draw(context, width, height) {
    const known = [...this.values[0], ...this.values[1]].filter(Number.isFinite);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const span = high - low || 1;
    const x = (i) => (i / (this.difference.length - 1)) * width;
    const y = (value) => height - PAD - ((value - low) / span) * (height - 2 * PAD);
    this.#fillBetween(context, x, y);
    this.values.forEach((values, i) => this.#line(context, values, x, y, colour(i ? "signal" : "accent")));
    context.fillStyle = colour("text");
    context.fillRect(x(this.at) - 0.75, 0, 1.5, height);
  }

  /** The difference is the area between the lines. */
  #fillBetween(context, x, y) {
    context.fillStyle = colour("bar");
    context.globalAlpha = 0.45;
    const [a, b] = this.values;
    for (let i = 0; i + 1 < a.length; i += 1) {
      if (![a[i], b[i], a[i + 1], b[i + 1]].every(Number.isFinite)) continue;
      context.beginPath();
      context.moveTo(x(i), y(a[i]));
      context.lineTo(x(i + 1), y(a[i + 1]));
      context.lineTo(x(i + 1), y(b[i + 1]));
      context.lineTo(x(i), y(b[i]));
      context.fill();
    }
    context.globalAlpha = 1;
  }

  #line(context, values, x, y, stroke) {
    context.beginPath();
    let pen = false;
    values.forEach((value, i) => {
      if (!Number.isFinite(value)) pen = false;
      else if (pen) context.lineTo(x(i), y(value));
      else context.moveTo(x(i), y(value));
      pen = Number.isFinite(value);
    });
    context.strokeStyle = stroke;
    context.lineWidth = 1.5;
    context.stroke();
  }
}

class Page {
  constructor(answer) {
    this.answer = answer;
    this.at = 0;
    byId("verdict").textContent = answer.verdict;
    byId("notes").append(...answer.parameters.map((text) => element("li", { text })));
    byId("measures").append(...answer.rows.map((row) => this.#row(row)));
    const ways = [["time", "time"], ...(answer.place ? [["place", "place on the track, best laps"]] : [])];
    byId("align").append(...ways.map(([value, text]) => element("option", { text, attributes: { value } })));
    const given = new URLSearchParams(location.hash.slice(1));
    byId("align").value = ways.some(([way]) => way === given.get("by")) ? given.get("by") : ways.at(-1)[0];
    byId("align").addEventListener("change", () => this.align());
    byId("moment").addEventListener("input", (event) => this.seek(Number(event.target.value)));
    byId("back").addEventListener("click", () => this.seek(this.at - 1));
    byId("forward").addEventListener("click", () => this.seek(this.at + 1));
    document.addEventListener("keydown", (event) => {
      if (event.target.matches("select, input") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "ArrowLeft") this.seek(this.at - 1);
      if (event.key === "ArrowRight") this.seek(this.at + 1);
    });
    this.at = Number(given.get("at")) || 0;
    this.align();
  }

  align() {
    const { axis, frames, signals, unit } = this.answer[byId("align").value];
    this.axis = unpack(axis);
    this.frames = frames.map(unpack);
    this.unit = unit;
    this.charts = signals.map((signal) => new Chart(signal, (at) => this.seek(at)));
    byId("charts").replaceChildren(...this.charts.map((chart) => chart.root));
    byId("moment").max = String(this.axis.length - 1);
    this.seek(this.at);
  }

  seek(at) {
    this.at = Math.max(0, Math.min(this.axis.length - 1, at));
    byId("moment").value = String(this.at);
    byId("at").textContent = `${fixed(this.axis[this.at], 1)} ${this.unit}`;
    SIDES.forEach((side, i) => this.#showFrame(side, this.answer.runs[i], this.frames[i][this.at]));
    for (const chart of this.charts) chart.show(this.at);
    clearTimeout(this.writing);
    const state = new URLSearchParams({ by: byId("align").value, at: this.at });
    this.writing = setTimeout(() => history.replaceState(null, "", `${location.pathname}#${state}`), 200);
  }

  #showFrame(side, run, frame) {
    const picture = byId(`frame-${side}`);
    byId(`where-${side}`).textContent = frame < 0 ? "has ended" : `frame ${frame + 1} of ${run.frames}`;
    const address = `/api/log/${encodeURIComponent(run.id)}/frame/${frame}.jpg?v=${run.version}`;
    if (frame >= 0 && picture.getAttribute("src") !== address) picture.src = address;
    picture.style.opacity = frame < 0 ? 0.3 : 1;
  }

  #row({ title, about, values, difference, judgement }) {
    const number = (text) => element("td", { className: "number", text });
    const interval = difference ? `${signed(difference[1], 2)} to ${signed(difference[2], 2)}` : "too few laps";
    return element("tr", {}, [
      element("td", { text: title, attributes: { title: about } }),
      ...values.map(number),
      number(difference ? signed(difference[0], 2) : ""),
      number(interval),
      element("td", { className: "judged", text: judgement }),
    ]);
  }
}

async function main() {
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  const { first, second } = document.body.dataset;
  const response = await fetch(`/api/compare/${encodeURIComponent(first)}/${encodeURIComponent(second)}`);
  const answer = await response.json();
  byId("comparison").setAttribute("aria-busy", "false");
  if (response.ok) new Page(answer);
  else byId("verdict").textContent = answer.error;
}

main();
