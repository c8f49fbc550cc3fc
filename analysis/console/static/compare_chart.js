// One signal of two runs along one axis, and below it what the first has more than the second.

import { colour, element, onDrag, sharpCanvas } from "./dom.js";
import { fixed, signed } from "./format.js";
import { unpack } from "./recording.js";

const PAD = 6;
const SIDES = ["a", "b"];
const DIFFERENCE = 0.36; // Of the height.
const NOTHING = 0.02; // Of the range of the values.

/** Lowest and highest of the known values. */
function rangeOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

export class CompareChart {
  /**
   * @param signal { title, unit, values } of both runs, packed.
   * @param seek called with the point that a person points at.
   */
  constructor(signal, seek) {
    this.signal = signal;
    this.values = signal.values.map(unpack);
    this.difference = this.values[0].map((value, i) => value - this.values[1][i]);
    this.range = rangeOf([...this.values[0], ...this.values[1]]);
    this.at = 0;
    this.labels = SIDES.map((side) => element("span", { className: `value value-${side}` }));
    this.less = element("span", { className: "value" });
    this.canvas = element("canvas", {
      attributes: { role: "img", "aria-label": `${signal.title} of both runs, and A less B` },
    });
    this.root = element("div", { className: "signal-row" }, [
      element("div", {}, [
        element("span", { className: "name", text: `${signal.title} ${signal.unit}` }),
        ...this.labels,
        this.less,
      ]),
      this.canvas,
    ]);
    this.redraw = sharpCanvas(this.canvas, (context, width, height) => this.#draw(context, width, height));
    onDrag(this.canvas, (x) => seek(Math.round((x / this.canvas.clientWidth) * (this.difference.length - 1))));
  }

  show(at) {
    this.at = at;
    this.labels.forEach((label, i) => (label.textContent = `${"AB"[i]} ${fixed(this.values[i][at], 2)}`));
    this.less.textContent = `A − B ${signed(this.difference[at], 2)}`;
    this.redraw();
  }

  #draw(context, width, height) {
    const x = (i) => (i / (this.difference.length - 1)) * width;
    const upper = height * (1 - DIFFERENCE);
    const [low, high] = this.range;
    const y = (value) => upper - PAD - ((value - low) / (high - low || 1)) * (upper - 2 * PAD);
    this.values.forEach((values, i) => this.#line(context, values, x, y, colour(i ? "signal" : "accent")));
    this.#drawDifference(context, x, upper, height);
    context.fillStyle = colour("text");
    context.fillRect(x(this.at) - 0.75, 0, 1.5, height);
  }

  /** Above the line A has more, below it B; each in its colour. */
  #drawDifference(context, x, top, bottom) {
    const [low, high] = rangeOf(this.difference);
    // Rounding is no difference: it must not be blown up to the height of the plot.
    const most = Math.max(-low, high, NOTHING * (this.range[1] - this.range[0]));
    const middle = (top + bottom) / 2;
    context.fillStyle = colour("line");
    context.fillRect(0, middle, x(this.difference.length - 1), 1);
    if (!(most > 0)) return;
    const wide = Math.max(1, x(1) + 0.5);
    this.difference.forEach((value, i) => {
      if (!Number.isFinite(value)) return;
      const tall = (Math.abs(value) / most) * ((bottom - top) / 2 - 2);
      context.fillStyle = colour(value > 0 ? "accent" : "signal");
      context.fillRect(x(i), value > 0 ? middle - tall : middle + 1, wide, tall);
    });
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
