// A colour for every frame of the path on the map, by the signal that a person chose; and the bar that explains it.

import { byId, element } from "./dom.js";
import { fixed, signed } from "./format.js";

const STEPS = 24;
// Dark to light in even steps, readable by the colour blind; both ends stand out from a dark and a light page.
const RISING = [[86, 60, 170], [46, 116, 190], [26, 160, 152], [120, 196, 84], [246, 206, 60]];
const AROUND_ZERO = [[38, 120, 220], [110, 170, 225], [150, 158, 166], [240, 160, 90], [214, 78, 20]];

const SIGNALS = {
  speed: { title: "speed", columns: ["true_speed_mps", "speed_mps"], unit: "m/s", digits: 2 },
  steering: { title: "steering", columns: ["steering_deg"], unit: "°", digits: 0, around: true },
  confidence: { title: "confidence", columns: ["confidence"], unit: "", digits: 2 },
  entropy: { title: "entropy", columns: ["entropy_nats"], unit: "nats", digits: 2 },
  latency: { title: "latency", columns: ["latency_ms"], unit: "ms", digits: 1 },
  lateral: { title: "from the centre", columns: ["lateral_m"], unit: "m", digits: 2, around: true },
  rate: { title: "frame rate", columns: ["fps"], unit: "fps", digits: 1 },
};

function mixed(stops, share) {
  const at = share * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const [red, green, blue] = stops[low].map((value, i) => Math.round(value + (at - low) * (stops[low + 1][i] - value)));
  return `rgb(${red} ${green} ${blue})`;
}

/** The values that one in fifty is below and above, so that an odd one does not take all the colour. */
function usualRange(values) {
  const known = values.filter((value) => Number.isFinite(value)).sort();
  return [known[Math.floor(known.length * 0.02)], known[Math.ceil(known.length * 0.98) - 1]];
}

export class PathColours {
  /**
   * @param recording the log.
   * @param choose called with the key of a signal, or "", when a person chooses one.
   */
  constructor(recording, choose) {
    this.recording = recording;
    this.signals = new Map();
    for (const [key, signal] of Object.entries(SIGNALS)) {
      const column = signal.columns.find((name) => recording.has(name));
      if (column) this.signals.set(key, { ...signal, values: recording.columns[column] });
    }
    const entries = [["", "plain"], ...[...this.signals].map(([key, { title }]) => [key, title])];
    byId("path").append(...entries.map(([value, text]) => element("option", { text, attributes: { value } })));
    byId("path").addEventListener("change", (event) => choose(event.target.value));
    this.set("");
  }

  has(key) {
    return key === "" || this.signals.has(key);
  }

  set(key) {
    this.key = key;
    this.signal = this.signals.get(key);
    byId("path").value = key;
    byId("path-legend").hidden = !this.signal;
    if (!this.signal) return;
    const { values, around, unit, digits } = this.signal;
    let [low, high] = usualRange(values);
    if (around) [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
    this.range = low < high ? [low, high] : [low - 0.5, high + 0.5];
    const stops = around ? AROUND_ZERO : RISING;
    this.table = Array.from({ length: STEPS }, (_, i) => mixed(stops, i / (STEPS - 1)));
    const text = (value) => (around ? signed(value, digits) : fixed(value, digits));
    byId("path-low").textContent = text(this.range[0]);
    byId("path-high").textContent = `${text(this.range[1])} ${unit}`;
    this.#drawBar();
  }

  /** The step of a frame's colour, or -1 where its value is not known. */
  step(frame) {
    const value = this.signal.values[frame];
    if (!Number.isFinite(value)) return -1;
    const share = (value - this.range[0]) / (this.range[1] - this.range[0]);
    return Math.min(STEPS - 1, Math.max(0, Math.floor(share * STEPS)));
  }

  #drawBar() {
    const canvas = byId("path-bar");
    canvas.width = STEPS;
    canvas.height = 1;
    const context = canvas.getContext("2d");
    this.table.forEach((colour, i) => {
      context.fillStyle = colour;
      context.fillRect(i, 0, 1, 1);
    });
  }
}
