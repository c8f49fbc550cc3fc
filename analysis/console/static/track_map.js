// The track from above, the path that was driven, and where the car is now.

import { STROKE_POINTS, TELEPORT_M } from "./curve.js";
import { byId, colour, onDrag, sharpCanvas, Still } from "./dom.js";
import { unpack } from "./recording.js";

const MARGIN = 16;
const TRAIL_S = 2.5;

export class TrackMap {
  /**
   * @param recording the log.
   * @param seek called with the time at which the path was near to where a person points.
   * @param colours what the path is coloured by, see path_colours.js.
   */
  constructor(recording, seek, colours) {
    this.recording = recording;
    this.colours = colours;
    this.canvas = byId("map");
    this.frame = 0;
    if (!recording.has("x_m")) return;
    byId("map-box").hidden = false;
    this.borders = recording.track ? [recording.track.left_m, recording.track.right_m].map(unpack) : [];
    this.bounds = this.#bounds();
    this.still = new Still();
    this.redraw = sharpCanvas(this.canvas, (context, width, height) => this.#draw(context, width, height));
    onDrag(this.canvas, (_, event) => seek(this.#timeNear(event)));
  }

  show(frame) {
    this.frame = frame;
    this.redraw?.();
  }

  #bounds() {
    const { x_m: xs, y_m: ys } = this.recording.columns;
    const box = { left: Infinity, right: -Infinity, low: Infinity, high: -Infinity };
    const include = (x, y) => {
      if (!Number.isFinite(x)) return;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x);
      box.low = Math.min(box.low, y);
      box.high = Math.max(box.high, y);
    };
    for (const border of this.borders) {
      for (let i = 0; i < border.length; i += 2) include(border[i], border[i + 1]);
    }
    xs.forEach((x, i) => include(x, ys[i]));
    return box;
  }

  /** Metres to pixels: y is up on the track and down on the screen. */
  #projection(width, height) {
    const { left, right, low, high } = this.bounds;
    const scale = Math.min((width - 2 * MARGIN) / (right - left || 1), (height - 2 * MARGIN) / (high - low || 1));
    const x0 = width / 2 - (scale * (left + right)) / 2;
    const y0 = height / 2 + (scale * (low + high)) / 2;
    return (x, y) => [x0 + scale * x, y0 - scale * y];
  }

  #draw(context, width, height) {
    const project = this.#projection(width, height);
    this.project = project;
    // Ten minutes are 18 000 points.
    this.still.copyTo(context, width, height, this.colours.key, (own) => this.#drawStill(own, project));
    if (!this.colours.signal) {
      const trail = this.recording.frameAt(this.recording.time[this.frame] - TRAIL_S);
      this.#drawPath(context, project, trail, this.frame, colour("accent"), 3);
    }
    this.#drawCar(context, project);
  }

  /** The track and the whole path. */
  #drawStill(context, project) {
    context.lineJoin = "round";
    this.#drawTrack(context, project);
    if (this.colours.signal) this.#drawColouredPath(context, project);
    else this.#drawPath(context, project, 0, this.recording.count - 1, colour("path"), 1);
  }

  #drawTrack(context, project) {
    if (this.borders.length === 0) return;
    context.beginPath();
    for (const border of this.borders) {
      for (let i = 0; i < border.length; i += 2) {
        const [x, y] = project(border[i], border[i + 1]);
        if (i === 0) context.moveTo(x, y);
        else context.lineTo(x, y);
      }
      context.closePath();
    }
    context.fillStyle = colour("sunken");
    context.fill("evenodd");
    context.strokeStyle = colour("track");
    context.lineWidth = 1.5;
    context.stroke();
    this.#drawStart(context, project);
  }

  #drawStart(context, project) {
    const [left, right] = this.borders;
    context.beginPath();
    context.moveTo(...project(left[0], left[1]));
    context.lineTo(...project(right[0], right[1]));
    context.strokeStyle = colour("text");
    context.lineWidth = 2;
    context.stroke();
  }

  #drawPath(context, project, first, last, stroke, lineWidth) {
    const { x_m: xs, y_m: ys } = this.recording.columns;
    context.strokeStyle = stroke;
    context.lineWidth = lineWidth;
    context.lineCap = "round";
    context.beginPath();
    let pen = false;
    for (let i = first; i <= last; i += 1) {
      if (!Number.isFinite(xs[i])) {
        pen = false;
        continue;
      }
      const [x, y] = project(xs[i], ys[i]);
      if (pen && !this.#leaps(i)) context.lineTo(x, y);
      else context.moveTo(x, y);
      pen = true;
      if (i % STROKE_POINTS) continue;
      context.stroke();
      context.beginPath();
      context.moveTo(x, y);
    }
    context.stroke();
  }

  /** A few strokes for each colour, and not one for each frame. */
  #drawColouredPath(context, project) {
    const { x_m: xs, y_m: ys } = this.recording.columns;
    const strokes = this.colours.table.map(() => ({ path: new Path2D(), points: 0 }));
    context.lineWidth = 3;
    context.lineCap = "round";
    const draw = (step) => {
      context.strokeStyle = this.colours.table[step];
      context.stroke(strokes[step].path);
      strokes[step] = { path: new Path2D(), points: 0 };
    };
    for (let i = 1; i < this.recording.count; i += 1) {
      const step = this.colours.step(i);
      if (step < 0 || !Number.isFinite(xs[i]) || !Number.isFinite(xs[i - 1]) || this.#leaps(i)) continue;
      strokes[step].path.moveTo(...project(xs[i - 1], ys[i - 1]));
      strokes[step].path.lineTo(...project(xs[i], ys[i]));
      strokes[step].points += 1;
      if (strokes[step].points === STROKE_POINTS) draw(step);
    }
    strokes.forEach((_, step) => draw(step));
  }

  /** Whether the car was carried to where it is. */
  #leaps(frame) {
    const { x_m: xs, y_m: ys } = this.recording.columns;
    return Math.hypot(xs[frame] - xs[frame - 1], ys[frame] - ys[frame - 1]) > TELEPORT_M;
  }

  #drawCar(context, project) {
    const { x_m: xs, y_m: ys, yaw_rad: yaws } = this.recording.columns;
    if (!Number.isFinite(xs[this.frame])) return;
    const [x, y] = project(xs[this.frame], ys[this.frame]);
    context.save();
    context.translate(x, y);
    context.rotate(-yaws[this.frame] || 0);
    context.beginPath();
    context.moveTo(10, 0);
    context.lineTo(-7, 6);
    context.lineTo(-4, 0);
    context.lineTo(-7, -6);
    context.closePath();
    context.fillStyle = colour("accent");
    context.strokeStyle = colour("panel");
    context.lineWidth = 1.5;
    context.fill();
    context.stroke();
    context.restore();
  }

  /** The time at which the path came nearest to the pointer; of several passes, the one nearest to now. */
  #timeNear(event) {
    const box = this.canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const { x_m: xs, y_m: ys } = this.recording.columns;
    const now = this.recording.time[this.frame];
    let best = { cost: Infinity, frame: this.frame };
    for (let i = 0; i < xs.length; i += 1) {
      const [x, y] = this.project(xs[i], ys[i]);
      const away = Math.abs(this.recording.time[i] - now) / (this.recording.duration || 1);
      const cost = Math.hypot(x - px, y - py) + 6 * away;
      if (cost < best.cost) best = { cost, frame: i };
    }
    return this.recording.time[best.frame];
  }
}
