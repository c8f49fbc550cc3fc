// Signals over time in strips under one cursor. A strip draws the shown span; the cursor moves over it.

import { eachTelling, STROKE_POINTS } from "./curve.js";
import { byId, colour, element, onDrag, sharpCanvas } from "./dom.js";
import { clock, fixed, signed } from "./format.js";
import { clamp, timeStep, valueLines } from "./scale.js";

const PAD = 5; // Above and below a curve, in pixels.
const GAP_PERIODS = 2.5; // As in analysis/event_rules.py.
const GUTTER = 34; // Right of a strip, for the values of its lines; also in log.css.

/** The strips: columns, range and how a value is written. */
function stripsOf(recording) {
  const [right, left] = recording.limits.steering_deg;
  const widest = Math.max(Math.abs(left), Math.abs(right));
  const fastest = Math.max(recording.limits.speed_mps[1], highest(recording.columns.true_speed_mps, 1));
  const slowest = highest(recording.columns.latency_ms, 0.995);
  const mostEntropy = Math.log(Math.max(2, recording.actions.length || 2));
  const fastestRate = highest(recording.columns.fps, 0.995) || 30;
  const strips = [
    { name: "Steering", unit: "°", column: "steering_deg", low: -widest * 1.1, high: widest * 1.1, lines: [-widest, 0, widest], held: true },
    { name: "Speed", unit: "m/s", column: "speed_mps", second: "true_speed_mps", low: 0, high: fastest * 1.1, lines: valueLines(fastest), held: true },
    { name: "Confidence", unit: "", column: "confidence", low: 0, high: 1, lines: [0, 0.5, 1] },
    { name: "Entropy", unit: "", column: "entropy_nats", low: 0, high: mostEntropy * 1.05, lines: valueLines(mostEntropy) },
    { name: "Latency", unit: "ms", column: "latency_ms", low: 0, high: slowest * 1.25, lines: valueLines(slowest * 1.2) },
    { name: "Rate", unit: "fps", column: "fps", low: 0, high: fastestRate * 1.15, lines: valueLines(fastestRate) },
  ];
  return strips.filter((strip) => recording.has(strip.column));
}

/** A high quantile of the known values, so that one odd value does not flatten a strip. */
function highest(values, quantile) {
  const known = values.filter((value) => Number.isFinite(value)).sort();
  return known.length ? known[Math.floor((known.length - 1) * quantile)] : 0;
}

export class StripCharts {
  /**
   * @param recording the log.
   * @param seek called with a time that a person points at.
   * @param enlarge called with a strip's column when a person presses its name.
   */
  constructor(recording, seek, enlarge = () => {}) {
    this.recording = recording;
    this.enlarge = enlarge;
    this.moment = 0; // As a share of the span.
    this.span = { from: 0, to: Math.max(recording.duration, 1e-3) };
    this.strips = stripsOf(recording).map((strip) => this.#build(strip, seek));
    byId("charts").append(...this.strips.map((strip) => strip.root));
  }

  has(column) {
    return this.strips.some((strip) => strip.column === column);
  }

  /** Give one strip most of the room, or the same to all. */
  setLarge(column) {
    for (const strip of this.strips) {
      const large = strip.column === column;
      strip.root.classList.toggle("large", large);
      strip.label.setAttribute("aria-pressed", String(large));
    }
    byId("charts").style.gridTemplateRows = this.strips
      .map((strip) => (strip.column === column ? "minmax(0, 5fr)" : "minmax(0, 1fr)"))
      .join(" ");
  }

  /** Show a span of time, in seconds. */
  setSpan(from, to) {
    if (from === this.span.from && to === this.span.to) return;
    this.span = { from, to };
    for (const strip of this.strips) strip.redraw();
  }

  show(frame) {
    this.moment = this.#x(this.recording.time[frame]);
    for (const strip of this.strips) {
      this.#placeCursor(strip);
      strip.value.textContent = this.#text(strip, strip.column, frame);
      if (strip.second) strip.secondValue.textContent = this.#secondText(strip, frame);
    }
  }

  #placeCursor({ cursor, width }) {
    cursor.style.transform = `translateX(${this.moment * width}px)`;
    cursor.style.visibility = this.moment >= 0 && this.moment <= 1 ? "visible" : "hidden";
  }

  #x(seconds) {
    return (seconds - this.span.from) / (this.span.to - this.span.from);
  }

  #text(strip, column, frame) {
    const value = this.recording.columns[column][frame];
    const digits = { "°": 1, ms: 1, fps: 1 }[strip.unit] ?? 2;
    const text = strip.low < 0 ? signed(value, digits) : fixed(value, digits);
    return strip.unit === "°" ? `${text}°` : `${text} ${strip.unit}`.trim();
  }

  #secondText(strip, frame) {
    return this.recording.has(strip.second) ? `drives ${fixed(this.recording.columns[strip.second][frame], 2)}` : "";
  }

  #build(strip, seek) {
    const value = element("span", { className: "value" });
    const secondValue = element("span");
    const canvas = element("canvas");
    const cursor = element("div", { className: "cursor" });
    const hover = element("div", { className: "hover", attributes: { hidden: "" } });
    const hoverValue = element("div", { className: "hover-value", attributes: { hidden: "" } });
    const plot = element("div", { className: "chart-plot" }, [canvas, hover, cursor, hoverValue]);
    const label = element("button", { className: "chart-label", attributes: { title: `${strip.name}: larger, or as the others` } }, [
      element("span", { className: "name", text: `${strip.name} ` }),
      value,
      secondValue,
    ]);
    label.addEventListener("click", () => this.enlarge(strip.column));
    const built = { ...strip, label, root: element("div", { className: "chart" }, [label, plot]), plot, cursor, value, secondValue, width: 0 };
    built.redraw = sharpCanvas(canvas, (context, width, height) => {
      built.width = width - GUTTER;
      this.#placeCursor(built);
      context.save();
      this.#draw(strip, context, built.width, height);
      context.restore();
    });
    onDrag(plot, (x) => seek(this.#timeAt(x, plot)));
    this.#followPointer(built, hover, hoverValue);
    return built;
  }

  #timeAt(x, plot) {
    return this.span.from + (x / plot.clientWidth) * (this.span.to - this.span.from);
  }

  /** A second, thin line under the pointer on every strip, with the value where the pointer is. */
  #followPointer(strip, hover, hoverValue) {
    strip.hover = hover;
    strip.plot.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      const x = event.clientX - strip.plot.getBoundingClientRect().left;
      const seconds = this.#timeAt(x, strip.plot);
      const frame = this.recording.frameAt(seconds);
      for (const other of this.strips) {
        other.hover.hidden = false;
        other.hover.style.transform = `translateX(${x}px)`;
      }
      hoverValue.hidden = false;
      hoverValue.textContent = `${clock(seconds, 2)}  ${this.#text(strip, strip.column, frame)}`;
      const left = x + 8 + hoverValue.offsetWidth > strip.plot.clientWidth ? x - 8 - hoverValue.offsetWidth : x + 8;
      hoverValue.style.transform = `translateX(${left}px)`;
    });
    strip.plot.addEventListener("pointerleave", () => {
      hoverValue.hidden = true;
      for (const other of this.strips) other.hover.hidden = true;
    });
  }

  #draw(strip, context, width, height) {
    const y = (value) => PAD + (1 - (value - strip.low) / (strip.high - strip.low)) * (height - 2 * PAD);
    this.#drawLaps(context, width, height);
    this.#drawGrid(strip, context, width, height, y);
    context.beginPath();
    context.rect(0, 0, width, height);
    context.clip();
    if (strip.second) this.#curve(context, strip.second, width, y, false, colour("signal-2"));
    this.#curve(context, strip.column, width, y, strip.held, colour("signal"));
  }

  /** Lines at round times and values; the values are written in the gutter. */
  #drawGrid(strip, context, width, height, y) {
    context.fillStyle = colour("line");
    const step = timeStep(this.span.to - this.span.from, width / 110);
    for (let time = Math.ceil(this.span.from / step) * step; time <= this.span.to; time += step) {
      context.fillRect(Math.round(this.#x(time) * width), 0, 1, height);
    }
    for (const value of strip.lines) context.fillRect(0, Math.round(y(value)), width, 1);
    context.fillStyle = colour("muted");
    context.font = `10px ${getComputedStyle(byId("charts")).fontFamily}`;
    context.textBaseline = "middle";
    for (const value of strip.lines) {
      context.fillText(strip.low < 0 ? signed(value, 0) : String(value), width + 6, clamp(y(value), 6, height - 6));
    }
  }

  #drawLaps(context, width, height) {
    context.fillStyle = colour("shade");
    for (const lap of this.recording.laps.filter((each) => each.number % 2 === 1)) {
      const from = this.#x(lap.start_s) * width;
      context.fillRect(from, 0, this.#x(lap.end_s) * width - from, height);
    }
  }

  /** One curve over the span; it breaks where frames or values are missing. */
  #curve(context, column, width, y, held, stroke) {
    const { recording } = this;
    const values = recording.columns[column];
    const x = (frame) => this.#x(recording.time[frame]) * width;
    const sharp = width * (window.devicePixelRatio || 1);
    const frames = {
      values,
      time: recording.time,
      first: Math.max(0, recording.frameAt(this.span.from) - 1),
      last: Math.min(recording.count - 1, recording.frameAt(this.span.to) + 1),
      gap: GAP_PERIODS * recording.period,
      column: (seconds) => Math.floor(this.#x(seconds) * sharp),
    };
    context.strokeStyle = stroke;
    context.lineWidth = 1.4;
    context.lineJoin = "round";
    context.beginPath();
    let [before, drawn] = [0, 0];
    eachTelling(frames, (frame, breaks) => {
      if (breaks) context.moveTo(x(frame), y(values[frame]));
      else {
        if (held) context.lineTo(x(frame), y(values[before]));
        context.lineTo(x(frame), y(values[frame]));
      }
      before = frame;
      drawn += 1;
      if (drawn % STROKE_POINTS) return;
      context.stroke();
      context.beginPath();
      context.moveTo(x(frame), y(values[frame]));
    });
    context.stroke();
  }
}
