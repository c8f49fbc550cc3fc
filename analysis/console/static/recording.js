// One log as typed arrays, and the way from a time to a frame.

const RATE_OVER = 10; // Frames.

const READERS = {
  f4: Float32Array,
  f8: Float64Array,
  i4: Int32Array,
  u1: Uint8Array,
};

/** Unpack a column that the server packed: base64 of little-endian numbers. */
export function unpack({ type, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return new READERS[type](bytes.buffer);
}

export class Recording {
  constructor(document) {
    Object.assign(this, document);
    this.columns = Object.fromEntries(
      Object.entries(document.columns).map(([name, column]) => [name, unpack(column)]),
    );
    this.time = this.columns.time_s;
    this.count = this.time.length;
    this.duration = this.count ? this.time[this.count - 1] : 0;
    this.actionCount = document.columns.probabilities.width;
    this.period = this.#medianPeriod();
    this.columns.fps = this.#frameRate();
    this.laps = document.scorecard.laps.map((lap) => ({ ...lap, end_s: lap.start_s + lap.time_s }));
  }

  /** Fetch a log from the API. Throws an Error whose message is for the person at the page. */
  static async fetch(id) {
    const response = await fetch(`/api/log/${encodeURIComponent(id)}`);
    const document = await response.json();
    if (!response.ok) throw new Error(document.error);
    return new Recording(document);
  }

  /** The last frame taken at or before a time. */
  frameAt(seconds) {
    let [low, high] = [0, this.count - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.time[middle] <= seconds) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The frame nearest to a time: a time rounded for an address still finds its frame. */
  nearest(seconds) {
    const before = this.frameAt(seconds);
    const after = Math.min(before + 1, this.count - 1);
    return Math.abs(this.time[after] - seconds) < Math.abs(this.time[before] - seconds) ? after : before;
  }

  probabilities(frame) {
    const start = frame * this.actionCount;
    return this.columns.probabilities.subarray(start, start + this.actionCount);
  }

  /** The lap that a time falls into, or undefined between laps. */
  lapAt(seconds) {
    return this.laps.find((lap) => lap.start_s <= seconds && seconds < lap.end_s);
  }

  /** A heat map method of the server by its name, or undefined. */
  method(name) {
    return this.methods.find((method) => method.name === name);
  }

  has(column) {
    return this.columns[column].some((value) => Number.isFinite(value));
  }

  /** Frames a second, over the last few frames up to each one. */
  #frameRate() {
    const rates = new Float32Array(this.count).fill(NaN);
    for (let i = 1; i < this.count; i += 1) {
      const first = Math.max(0, i - RATE_OVER);
      rates[i] = (i - first) / (this.time[i] - this.time[first] || Infinity);
    }
    return rates;
  }

  #medianPeriod() {
    if (this.count < 2) return 1 / 30;
    const steps = new Float64Array(this.count - 1);
    for (let i = 0; i < steps.length; i += 1) steps[i] = this.time[i + 1] - this.time[i];
    return steps.sort()[steps.length >> 1] || 1 / 30;
  }
}
