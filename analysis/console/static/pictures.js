// Frames and heat maps: fetched together, ahead of the player, and kept while they are near.

import { bitmapOf, unpackParcel } from "./parcel.js";

const AT_ONCE = 6; // What a browser opens to one server.
const KEPT = 600;
const AHEAD_S = 1.5;
const NEAR = 4; // Frames on either side of the one that is paused on.
const REST_MS = 80; // A pointer that has not moved for so long rests: until then its own frame has the way clear.

/** Every how many frames are shown: no screen shows 240 a second. Frames that are whole multiples of it are. */
export function strideAt(speed) {
  return Math.max(1, Math.floor(speed / 2));
}

/** A store of pictures of one kind. */
class Store {
  constructor() {
    this.kept = new Map();
    this.loading = new Set();
  }

  lacks(key) {
    return !this.kept.has(key) && !this.loading.has(key);
  }

  put(key, picture) {
    this.loading.delete(key);
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
   * @param arrived called with a frame's index when its pictures are there.
   */
  constructor(recording, arrived) {
    this.recording = recording;
    this.arrived = arrived;
    this.base = `/api/log/${encodeURIComponent(recording.id)}`;
    this.none = recording.has_pictures ? null : { error: "this run holds none." };
    this.frames = new Store();
    this.maps = new Store();
    this.slow = false;
    this.playing = false;
    this.heat = null; // { method, action } while heat maps are shown.
    this.queue = [];
    this.resting = null;
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
    return this.none ?? this.frames.kept.get(index);
  }

  map(index) {
    return this.heat ? this.maps.kept.get(this.#mapKey(index)) : undefined;
  }

  /** Whether all that is to be shown of a frame is there. */
  ready(index) {
    if (this.none) return true;
    if (!this.frames.kept.has(index)) return false;
    return !this.heat || (this.slow && this.playing) || this.maps.kept.has(this.#mapKey(index));
  }

  /** Ask for a frame and for those near it; what was asked for before and not begun is forgotten. */
  want(index, { playing = false, speed = 1 } = {}) {
    if (this.none) return;
    const stepped = Math.abs(index - (this.shown ?? index));
    this.playing = playing;
    this.shown = index;
    this.queue = [index];
    clearTimeout(this.resting);
    if (playing) this.queue.push(...this.#ahead(index, speed));
    else this.resting = setTimeout(() => this.#wantAround(index, stepped), REST_MS);
    this.#pump();
  }

  /** The frames that play comes to next. */
  #ahead(index, speed) {
    const { recording } = this;
    const stride = strideAt(speed);
    const end = recording.count - 1;
    const last = recording.frameAt(recording.time[index] + AHEAD_S * Math.max(1, speed));
    const frames = [];
    for (let i = (Math.floor(index / stride) + 1) * stride; i <= last; i += stride) frames.push(i);
    if (last >= end) frames.push(end); // Play ends on it, whatever the stride.
    return frames;
  }

  /** On either side: as far again as the last move went, as a finger does that drags, and then frame by frame. */
  #wantAround(index, stepped) {
    const away = [stepped, ...Array.from({ length: NEAR }, (_, i) => i + 1)].filter((steps) => steps > 0);
    const frames = away.flatMap((steps) => [index + steps, index - steps]);
    this.queue.push(...frames.filter((frame) => frame >= 0 && frame < this.recording.count));
    this.#pump();
  }

  #mapKey(index) {
    return `${this.heat.method}/${this.heat.action}/${index}`;
  }

  #pump() {
    while (this.busy < AT_ONCE && this.queue.length > 0) {
      const index = this.queue.shift();
      const frame = this.frames.lacks(index);
      const map = this.#wantsMap(index) && this.maps.lacks(this.#mapKey(index));
      // A map that takes a second must not hold up its frame.
      if (frame && map && this.slow) {
        this.#fetch(index, { frame });
        this.#fetch(index, { map });
      } else if (frame || map) this.#fetch(index, { frame, map });
    }
  }

  #wantsMap(index) {
    return this.heat && !(this.slow && (this.playing || index !== this.shown));
  }

  async #fetch(index, { frame = false, map = false }) {
    const wanted = [...(frame ? [["frame", this.frames, index]] : []), ...(map ? [["map", this.maps, this.#mapKey(index)]] : [])];
    for (const [, store, key] of wanted) store.loading.add(key);
    this.busy += 1;
    const got = await this.#load(index, wanted.map(([name]) => name));
    this.busy -= 1;
    for (const [name, store, key] of wanted) store.put(key, got[name]);
    this.arrived(index);
    this.#pump();
  }

  /** A picture that cannot be had is kept as such, with the reason, and not asked for again. */
  async #load(index, names) {
    const query = new URLSearchParams({ parts: names, ...this.heat, v: this.recording.version });
    try {
      const response = await fetch(`${this.base}/moment/${index}?${query}`);
      if (!response.ok) throw new Error((await response.json()).error);
      const { head, parts } = await unpackParcel(response);
      const got = {};
      for (const [i, name] of names.entries()) {
        got[name] = head[name];
        if (head[name].error) continue;
        if (name === "map") head[name].levels = parts[i];
        else head[name].bitmap = await bitmapOf(parts[i]);
      }
      return got;
    } catch (error) {
      return Object.fromEntries(names.map((name) => [name, { error: String(error.message ?? error) }]));
    }
  }
}
