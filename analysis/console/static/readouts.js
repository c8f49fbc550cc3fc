// The big numbers: steering and speed as dials, and what else holds for this frame.

import { byId, svg } from "./dom.js";
import { clock, fixed, signed } from "./format.js";

const RADIUS = 88;
const SPAN = 150; // Degrees of arc.

/** A point on the arc; share 0 is its left end, 1 its right end. */
function onArc(share, radius = RADIUS) {
  const angle = ((share - 0.5) * SPAN * Math.PI) / 180;
  return [radius * Math.sin(angle), -radius * Math.cos(angle)];
}

function arc(from, to) {
  const [low, high] = from < to ? [from, to] : [to, from];
  const [x1, y1] = onArc(low);
  const [x2, y2] = onArc(high);
  return `M${x1} ${y1}A${RADIUS} ${RADIUS} 0 ${(high - low) * SPAN > 180 ? 1 : 0} 1 ${x2} ${y2}`;
}

class Dial {
  constructor(root, { left, right, zero, ticks }) {
    this.share = (value) => Math.min(1, Math.max(0, (value - left) / (right - left)));
    this.zero = zero;
    root.append(svg("path", { class: "rail", d: arc(0, 1) }));
    this.fill = root.appendChild(svg("path", { class: "fill" }));
    for (const tick of ticks) {
      const [x1, y1] = onArc(this.share(tick), RADIUS - 9);
      const [x2, y2] = onArc(this.share(tick), RADIUS - 14);
      root.append(svg("line", { class: "tick", x1, y1, x2, y2 }));
    }
    this.mark = root.appendChild(svg("line", { class: "true-mark" }));
  }

  /** Fill from zero to a value, and mark a second one if it is known. */
  show(value, second = NaN) {
    const known = Number.isFinite(value);
    this.fill.setAttribute("d", known ? arc(this.share(this.zero), this.share(value) + 1e-4) : "");
    this.mark.style.visibility = Number.isFinite(second) ? "visible" : "hidden";
    if (!Number.isFinite(second)) return;
    const [x1, y1] = onArc(this.share(second), RADIUS - 8);
    const [x2, y2] = onArc(this.share(second), RADIUS + 8);
    for (const [name, at] of Object.entries({ x1, y1, x2, y2 })) this.mark.setAttribute(name, at);
  }
}

export class Readouts {
  constructor(recording) {
    this.recording = recording;
    const [right, left] = recording.limits.steering_deg;
    const [, fastest] = recording.limits.speed_mps;
    const widest = Math.max(Math.abs(left), Math.abs(right));
    const angles = [...new Set(recording.actions.map((action) => action.steering_deg))];
    const paces = [...new Set(recording.actions.map((action) => action.speed_mps))];
    this.steering = new Dial(byId("steering-dial"), { left: widest, right: -widest, zero: 0, ticks: angles });
    this.speed = new Dial(byId("speed-dial"), { left: 0, right: fastest, zero: 0, ticks: paces });
    this.hasTrueSpeed = recording.has("true_speed_mps");
  }

  show(frame) {
    const { columns, states } = this.recording;
    const steering = columns.steering_deg[frame];
    const trueSpeed = columns.true_speed_mps[frame];
    this.steering.show(steering);
    this.speed.show(columns.speed_mps[frame], trueSpeed);
    byId("steering-value").textContent = signed(steering, 1);
    byId("steering-side").textContent = `steering${sideOf(steering)}`;
    byId("speed-value").textContent = fixed(columns.speed_mps[frame], 2);
    byId("speed-true").textContent = this.hasTrueSpeed
      ? `commanded · drives ${fixed(trueSpeed, 2)}`
      : "commanded speed";
    byId("latency-value").textContent = fixed(columns.latency_ms[frame], 1);
    byId("confidence-value").textContent = fixed(columns.confidence[frame], 2);
    byId("state-value").textContent = states[columns.state[frame]] || "–";
    this.#showLap(frame);
  }

  #showLap(frame) {
    const seconds = this.recording.time[frame];
    const lap = this.recording.lapAt(seconds);
    const progress = this.recording.columns.progress[frame];
    byId("lap-caption").textContent = lap ? `Lap ${lap.number}` : "Progress";
    byId("lap-value").textContent = lap
      ? clock(seconds - lap.start_s, 2)
      : Number.isFinite(progress)
        ? `${fixed(progress, 0)} %`
        : "–";
  }
}

function sideOf(steering) {
  if (!(Math.abs(steering) >= 0.05)) return "";
  return steering > 0 ? ", to the left" : ", to the right";
}
