// Frames and heat maps: fetched ahead of the player, decoded, and kept while they are near.

const AT_ONCE = 6; // What a browser opens to one server.
const KEPT = 600;
const AHEAD_S = 1.5;

/** Every how many frames are shown: no screen shows 240 a second. Frames that are whole multiples of it are. */
export function strideAt(speed) {
  return Math.max(1, Math.floor(speed / 2));
}

/** A store of decoded pictures of one kind. */
class Store {
  constructor() {
    this.kept = new Map();
    this.loading = new Set();
  }

  put(key, picture) {
    this.kept.set(key, picture);
    if (this.kept.size <= KEPT) return;
    const [oldest, dropped] = this.kept.entries().next().value;
    this.kept.delete(oldest);
    dropped.bitmap?.close();
  }
}

export class Pictures {
  /**
   * @param recording the log.
   * @param arrived called with a frame's index when one of its pictures is there.
   */
  constructor(recording, arrived) {
    this.recording = recording;
    this.arrived = arrived;
    this.base = `/api/log/${encodeURIComponent(recording.id)}`;
    this.frames = new Store();
    this.maps = new Store();
    this.slow = false;
    this.playing = false;
    this.heat = null; // { method, action } while heat maps are shown.
    this.queue = [];
    this.busy = 0;
  }

  /**
   * @param heat { method, action }, or null for none.
   * @param slow whether a map takes so long that only the frame that is paused on gets one.
   */
  setHeat(heat, { slow = false } = {}) {
    this.heat = heat;
    this.slow = slow;
  }

  frame(index) {
    return this.frames.kept.get(index);
  }

  map(index) {
    return this.heat ? this.maps.kept.get(this.#mapKey(index)) : undefined;
  }

  /** Whether all that is to be shown of a frame is there. */
  ready(index) {
    if (!this.frames.kept.has(index)) return false;
    return !this.heat || (this.slow && this.playing) || this.maps.kept.has(this.#mapKey(index));
  }

  /** Ask for a frame and for what comes after it; what was asked for before and not begun is forgotten. */
  want(index, { playing = false, speed = 1 } = {}) {
    const { recording } = this;
    this.playing = playing;
    this.shown = index;
    const stride = strideAt(speed);
    const last = playing ? recording.frameAt(recording.time[index] + AHEAD_S * Math.max(1, speed)) : index + 4;
    this.queue = [];
    this.#add(index);
    const next = (Math.floor(index / stride) + 1) * stride;
    for (let i = next; i <= Math.min(last, recording.count - 1); i += stride) this.#add(i);
    if (last >= recording.count - 1) this.#add(recording.count - 1); // Play ends on it, whatever the stride.
    if (!playing && index > 0) this.#add(index - 1);
    this.#pump();
  }

  #add(index) {
    this.queue.push({ store: this.frames, key: index, index, address: this.#frameAddress(index) });
    if (this.heat && !(this.slow && (this.playing || index !== this.shown))) {
      const address = this.#mapAddress(index);
      this.queue.push({ store: this.maps, key: this.#mapKey(index), index, address });
    }
  }

  #mapKey(index) {
    return `${this.heat.method}/${this.heat.action}/${index}`;
  }

  #frameAddress(index) {
    return `${this.base}/frame/${index}.jpg?v=${this.recording.version}`;
  }

  #mapAddress(index) {
    const query = new URLSearchParams({ ...this.heat, v: this.recording.version });
    return `${this.base}/heatmap/${index}.png?${query}`;
  }

  #pump() {
    while (this.busy < AT_ONCE && this.queue.length > 0) {
      const wanted = this.queue.shift();
      if (wanted.store.kept.has(wanted.key) || wanted.store.loading.has(wanted.key)) continue;
      this.busy += 1;
      wanted.store.loading.add(wanted.key);
      this.#load(wanted).then((picture) => {
        this.busy -= 1;
        wanted.store.loading.delete(wanted.key);
        wanted.store.put(wanted.key, picture);
        this.arrived(wanted.index);
        this.#pump();
      });
    }
  }

  /** Fetch and decode; a picture that cannot be had is kept as such, with the reason, and not asked for again. */
  async #load({ address }) {
    try {
      const response = await fetch(address);
      if (!response.ok) return { error: (await response.json()).error };
      const bitmap = await createImageBitmap(await response.blob());
      return {
        bitmap,
        strength: response.headers.get("Heatmap-Strength"),
        share: Number(response.headers.get("Heatmap-Share")),
      };
    } catch (error) {
      return { error: String(error.message ?? error) };
    }
  }
}
