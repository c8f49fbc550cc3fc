// The whole log on one line: laps, events, gaps, the span that the charts show, and the moment.

import { byId, colour, onDrag, sharpCanvas, Still } from "./dom.js";
import { clock } from "./format.js";
import { clamp, timeStep } from "./scale.js";

const EDGE = 8; // So that the first and the last frame can be seen and touched.
const PIN = 14; // Height of an event; lap times are written below.
const TICKS_PX = 90;
const COLOURS = { info: "signal", good: "good", warning: "warning", alarm: "alarm", bookmark: "accent" };

export class Timeline {
  constructor(recording, seek) {
    this.recording = recording;
    this.canvas = byId("timeline");
    this.frame = 0;
    this.bookmarks = [];
    this.marks = 0; // Counts the changes of the bookmarks.
    this.still = new Still();
    this.span = null;
    this.loop = null;
    this.canvas.setAttribute("aria-valuemax", recording.duration.toFixed(3));
    this.redraw = sharpCanvas(this.canvas, (context, width, height) => this.#draw(context, width, height));
    onDrag(this.canvas, (x) => seek(this.#timeAt(x)));
  }

  setBookmarks(bookmarks) {
    this.bookmarks = bookmarks;
    this.marks += 1;
  }

  show(frame, span, loop) {
    this.frame = frame;
    this.span = span;
    this.loop = loop;
    const seconds = this.recording.time[frame];
    this.canvas.setAttribute("aria-valuenow", seconds.toFixed(3));
    this.canvas.setAttribute("aria-valuetext", clock(seconds));
    this.redraw();
  }

  #x(seconds, width) {
    return EDGE + (seconds / (this.recording.duration || 1)) * (width - 2 * EDGE);
  }

  #timeAt(x) {
    const share = (x - EDGE) / (this.canvas.clientWidth - 2 * EDGE);
    return clamp(share, 0, 1) * this.recording.duration;
  }

  #draw(context, width, height) {
    const rail = { top: height - 16, height: 16 };
    context.fillStyle = colour("sunken");
    context.fillRect(EDGE, 0, width - 2 * EDGE, height - 18);
    this.#drawSpan(context, width, height - 18);
    this.still.copyTo(context, width, height, this.marks, (own) => {
      this.#drawLaps(own, width, height - 18);
      this.#drawEvents(own, width, height - 18);
      this.#drawTicks(own, width, rail);
    });
    this.#drawLoop(context, width, height - 18);
    this.#drawMoment(context, width, height - 18);
  }

  #drawSpan(context, width, height) {
    if (!this.span) return;
    const from = this.#x(Math.max(0, this.span.from), width);
    const to = this.#x(Math.min(this.recording.duration, this.span.to), width);
    if (to - from >= width - 2 * EDGE - 1) return;
    context.fillStyle = colour("bar");
    context.globalAlpha = 0.5;
    context.fillRect(from, 0, to - from, height);
    context.globalAlpha = 1;
  }

  #drawLaps(context, width, height) {
    context.font = `11px ${getComputedStyle(this.canvas).fontFamily}`;
    context.textBaseline = "middle";
    for (const lap of this.recording.laps) {
      const [from, to] = [this.#x(lap.start_s, width), this.#x(lap.end_s, width)];
      context.fillStyle = colour("shade");
      context.fillRect(from, 0, to - from, height);
      context.fillStyle = colour("good");
      context.fillRect(from, 0, 1, height);
      context.fillRect(to - 1, 0, 1, height);
      const label = `Lap ${lap.number}  ${lap.time_s.toFixed(2)} s`;
      context.fillStyle = colour("muted");
      if (context.measureText(label).width < to - from - 12) context.fillText(label, from + 6, height - 7);
    }
  }

  /** What is not played is dimmed, and the loop stands between brackets. */
  #drawLoop(context, width, height) {
    if (!this.loop) return;
    const [from, to] = [this.#x(this.loop.from, width), this.#x(this.loop.to, width)];
    context.fillStyle = colour("ground");
    context.globalAlpha = 0.65;
    context.fillRect(EDGE, 0, from - EDGE, height);
    context.fillRect(to, 0, width - EDGE - to, height);
    context.globalAlpha = 1;
    context.fillStyle = colour("accent");
    for (const [x, inward] of [[from, 1], [to, -1]]) {
      context.fillRect(x - 1, 0, 2, height);
      for (const y of [0, height - 2]) context.fillRect(Math.min(x, x + 7 * inward), y, 7, 2);
    }
  }

  #drawEvents(context, width, height) {
    for (const event of [...this.recording.events, ...this.bookmarks].filter((each) => each.kind !== "lap")) {
      const x = this.#x(clamp(event.time_s, 0, this.recording.duration), width);
      context.fillStyle = colour(COLOURS[event.severity]);
      context.fillRect(x - 1, 0, 2, PIN);
      context.beginPath();
      context.arc(x, 4, 4, 0, 2 * Math.PI);
      context.fill();
    }
  }

  #drawTicks(context, width, rail) {
    const most = (width - 2 * EDGE) / TICKS_PX;
    const step = timeStep(this.recording.duration, most);
    context.fillStyle = colour("muted");
    context.textBaseline = "bottom";
    for (let i = 0; i * step <= this.recording.duration; i += 1) {
      const x = this.#x(i * step, width);
      context.fillRect(Math.round(x), rail.top - 2, 1, 4);
      const text = clock(i * step, step < 1 ? 1 : 0);
      const wide = context.measureText(text).width;
      context.fillText(text, clamp(x - wide / 2, EDGE, width - EDGE - wide), rail.top + rail.height);
    }
  }

  #drawMoment(context, width, height) {
    const x = this.#x(this.recording.time[this.frame], width);
    context.fillStyle = colour("accent");
    context.fillRect(x - 1.5, 0, 3, height);
    context.beginPath();
    context.moveTo(x - 7, height + 6);
    context.lineTo(x + 7, height + 6);
    context.lineTo(x, height - 4);
    context.closePath();
    context.fill();
  }
}
