// The last seconds of a few signals, scrolling; and the car on its track.

import { TELEPORT_M } from "./curve.js";
import { byId, colour, element, sharpCanvas } from "./dom.js";
import { fixed, signed } from "./format.js";
import { unpack } from "./recording.js";

const SPAN_MS = 20_000;
const MARGIN = 14;
const GUTTER = 40; // Right of the curves, for the values of the strip's edges.
const PAD = 7;
const TRAIL = 90; // Frames.
const FASTEST_MPS = 5; // No car of this class is: frames that the page did not see are not taken for a leap.

class Strip {
  constructor({ name, low, high, digits = 0 }) {
    this.points = [];
    this.least = [low, high]; // What is shown at least; more while a value needs it.
    this.words = (value, places = digits) => (low < 0 ? signed(value, places) : fixed(value, places));
    const canvas = element("canvas");
    this.value = element("span", { className: "value" });
    this.root = element("div", {}, [element("span", { className: "label", text: name }, [this.value]), canvas]);
    this.redraw = sharpCanvas(canvas, (context, width, height) => this.#draw(context, width, height));
  }

  add(at, value) {
    this.points.push([at, value]);
    while (this.points[0][0] < at - SPAN_MS) this.points.shift();
    this.value.textContent = this.words(value);
    this.redraw();
  }

  #draw(context, wide, height) {
    const width = wide - GUTTER;
    const now = this.points.at(-1)?.[0] ?? 0;
    const known = this.points.map(([, value]) => value).filter(Number.isFinite);
    const [low, high] = [Math.min(this.least[0], ...known), Math.max(this.least[1], ...known)];
    const y = (value) => height - PAD - ((value - low) / (high - low)) * (height - 2 * PAD);
    context.fillStyle = colour("muted");
    context.font = `11px ${getComputedStyle(byId("charts")).fontFamily}`;
    context.textBaseline = "middle";
    for (const edge of [low, high]) context.fillText(this.words(edge, high < 10 ? 1 : 0), width + 6, y(edge));
    context.fillStyle = colour("line");
    if (low < 0) context.fillRect(0, y(0), width, 1);
    for (let s = 5000; s < SPAN_MS; s += 5000) context.fillRect(width - (s / SPAN_MS) * width, 0, 1, height);
    context.beginPath();
    let pen = false;
    for (const [at, value] of this.points) {
      const x = width - ((now - at) / SPAN_MS) * width;
      if (!Number.isFinite(value)) pen = false;
      else if (pen) context.lineTo(x, y(value));
      else context.moveTo(x, y(value));
      pen = Number.isFinite(value);
    }
    context.strokeStyle = colour("signal");
    context.lineWidth = 1.6;
    context.stroke();
  }
}

export class LiveCharts {
  constructor() {
    this.strips = {
      steering: new Strip({ name: "Steering °", low: -20, high: 20, digits: 1 }),
      speed: new Strip({ name: "Speed m/s", low: 0, high: 1.5, digits: 2 }),
      confidence: new Strip({ name: "Confidence", low: 0, high: 1, digits: 2 }),
      entropy: new Strip({ name: "Entropy", low: 0, high: 1, digits: 2 }),
      latency: new Strip({ name: "Camera to PWM ms", low: 0, high: 20, digits: 1 }),
      rate: new Strip({ name: "Frames 1/s", low: 0, high: 35 }),
      behind: new Strip({ name: "Behind ms", low: 0, high: 60 }),
    };
    byId("charts").append(...Object.values(this.strips).map((strip) => strip.root));
  }

  add(at, values) {
    for (const [name, value] of Object.entries(values)) this.strips[name].add(at, value ?? NaN);
  }
}

export class LiveTrack {
  constructor() {
    this.borders = [];
    this.trail = [];
    this.redraw = sharpCanvas(byId("track"), (context, width, height) => this.#draw(context, width, height));
  }

  setTrack(track) {
    this.borders = track ? [track.left_m, track.right_m].map(unpack) : [];
    byId("place").hidden = this.borders.length === 0;
    this.trail = [];
  }

  /** Take in where the car was at a time in ms. */
  add(pose, at) {
    if (!pose) return;
    const { x_m: x, y_m: y } = pose;
    const last = this.trail.at(-1);
    const far = last && Math.max(TELEPORT_M, (FASTEST_MPS * (at - last.at)) / 1000);
    this.trail.push({ x, y, at, leaps: last && Math.hypot(x - last.x, y - last.y) > far });
    if (this.trail.length > TRAIL) this.trail.shift();
    this.redraw();
  }

  #draw(context, width, height) {
    if (this.borders.length === 0) return;
    const box = { left: Infinity, right: -Infinity, low: Infinity, high: -Infinity };
    for (const border of this.borders) {
      for (let i = 0; i < border.length; i += 2) {
        [box.left, box.right] = [Math.min(box.left, border[i]), Math.max(box.right, border[i])];
        [box.low, box.high] = [Math.min(box.low, border[i + 1]), Math.max(box.high, border[i + 1])];
      }
    }
    const scale = Math.min((width - 2 * MARGIN) / (box.right - box.left), (height - 2 * MARGIN) / (box.high - box.low));
    const at = (x, y) => [width / 2 + scale * (x - (box.left + box.right) / 2), height / 2 - scale * (y - (box.low + box.high) / 2)];
    context.strokeStyle = colour("track");
    for (const border of this.borders) {
      context.beginPath();
      for (let i = 0; i < border.length; i += 2) context.lineTo(...at(border[i], border[i + 1]));
      context.closePath();
      context.stroke();
    }
    context.strokeStyle = context.fillStyle = colour("accent");
    context.lineWidth = 3;
    context.beginPath();
    for (const { x, y, leaps } of this.trail) {
      if (leaps) context.moveTo(...at(x, y));
      else context.lineTo(...at(x, y));
    }
    context.stroke();
    if (this.trail.length === 0) return;
    context.beginPath();
    const { x, y } = this.trail.at(-1);
    context.arc(...at(x, y), 6, 0, 2 * Math.PI);
    context.fill();
  }
}
