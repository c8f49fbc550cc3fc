// The robustness bench: disturb a frame by hand, see at once what the policy decides instead.

import { byId, element, onDrag } from "./dom.js";
import { clock, count, degrees, fixed, signed } from "./format.js";
import { offerKeys } from "./keys.js";
import { bitmapOf, unpackParcel } from "./parcel.js";
import { paint } from "./pane.js";
import { Recording } from "./recording.js";

const SLIDERS = ["brightness", "contrast", "blur", "noise", "lamp-size", "lamp-strength"];
const [WIDTH, HEIGHT] = [160, 120];
const WRITE_MS = 200;

class Bench {
  constructor(recording, policies) {
    this.recording = recording;
    this.base = `/api/log/${encodeURIComponent(recording.id)}`;
    this.lamp = null; // { x, y } in pixels of the picture while there is one.
    this.wanted = false;
    this.busy = false;
    byId("frame").max = String(recording.count - 1);
    const options = [["", "as driven"], ...policies.map(({ id, name }) => [id, name])];
    byId("policy").append(...options.map(([value, text]) => element("option", { text, attributes: { value } })));
    this.#wire();
    this.#readAddress();
    this.#refresh();
  }

  #wire() {
    for (const id of [...SLIDERS, "frame"]) byId(id).addEventListener("input", () => this.#refresh());
    byId("policy").addEventListener("change", () => this.#refresh());
    byId("back").addEventListener("click", () => this.#step(-1));
    byId("forward").addEventListener("click", () => this.#step(1));
    byId("lamp").addEventListener("click", () => this.#toggleLamp());
    byId("reset").addEventListener("click", () => this.#reset());
    byId("sweep").addEventListener("click", () => this.#sweep());
    // Anywhere on the picture will do: a finger need not hit the handle.
    onDrag(byId("stage"), (x, event) => {
      if (!this.lamp) return;
      const box = byId("stage").getBoundingClientRect();
      this.#setLamp({ x: ((event.clientX - box.left) / box.width) * WIDTH, y: ((event.clientY - box.top) / box.height) * HEIGHT });
    });
    window.addEventListener("hashchange", () => this.#takeAddress());
    offerKeys(this.#keys());
  }

  #keys() {
    const move = (dx, dy) => () => {
      if (!this.lamp) return false;
      this.#setLamp({ x: this.lamp.x + dx, y: this.lamp.y + dy });
      return true;
    };
    return [
      [[","], "One frame back", () => this.#step(-1)],
      [["."], "One frame on", () => this.#step(1)],
      [["l"], "Lamp in or out", () => this.#toggleLamp()],
      [["ArrowLeft"], "Lamp to the left", move(-2, 0)],
      [["ArrowRight"], "Lamp to the right", move(2, 0)],
      [["ArrowUp"], "Lamp up", move(0, -2)],
      [["ArrowDown"], "Lamp down", move(0, 2)],
      [["r"], "Undisturbed again", () => this.#reset()],
    ];
  }

  #toggleLamp() {
    this.#setLamp(this.lamp ? null : { x: 118, y: 34 });
  }

  #step(frames) {
    byId("frame").value = String(Number(byId("frame").value) + frames);
    this.#refresh();
  }

  #setLamp(place) {
    this.lamp = place && { x: Math.min(WIDTH, Math.max(0, place.x)), y: Math.min(HEIGHT, Math.max(0, place.y)) };
    this.#refresh();
  }

  #reset() {
    this.#clear();
    this.#refresh();
  }

  #clear() {
    for (const id of SLIDERS) byId(id).value = byId(id).dataset.start;
    this.lamp = null;
  }

  /** Another address of this page, of a bookmark or typed by hand: only what it holds is set. */
  #takeAddress() {
    this.#clear();
    byId("policy").value = "";
    this.#readAddress();
    this.#refresh();
  }

  /** What is done to the picture, as the server is asked and as the address keeps it. */
  #query() {
    const query = new URLSearchParams();
    for (const id of SLIDERS.slice(0, 4)) if (byId(id).value !== byId(id).dataset.start) query.set(id, byId(id).value);
    if (this.lamp) {
      query.set("lamp", [this.lamp.x.toFixed(1), this.lamp.y.toFixed(1), byId("lamp-size").value, byId("lamp-strength").value].join());
    }
    if (byId("policy").value) query.set("policy", byId("policy").value);
    return query;
  }

  #readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    const t = Number(given.get("t"));
    byId("frame").value = String(this.recording.nearest(Number.isFinite(t) ? t : 0));
    for (const id of SLIDERS.slice(0, 4)) if (given.has(id)) byId(id).value = given.get(id);
    if (given.has("policy")) byId("policy").value = given.get("policy");
    const lamp = (given.get("lamp") ?? "").split(",").map(Number);
    if (lamp.length !== 4 || !lamp.every(Number.isFinite)) return;
    this.lamp = { x: lamp[0], y: lamp[1] };
    byId("lamp-size").value = String(lamp[2]);
    byId("lamp-strength").value = String(lamp[3]);
  }

  /** Show the settings at once and ask for the answer; while one is on its way, only the latest is asked next. */
  async #refresh() {
    this.#showSettings();
    this.wanted = true;
    if (this.busy) return;
    this.busy = true;
    while (this.wanted) {
      this.wanted = false;
      await this.#ask();
    }
    this.busy = false;
  }

  async #ask() {
    const query = this.#query();
    query.set("v", this.recording.version);
    const response = await fetch(`${this.base}/disturbed/${byId("frame").value}?${query}`);
    if (!response.ok) return this.#refuse((await response.json()).error, await this.#undisturbed());
    const { head, parts } = await unpackParcel(response);
    paint(byId("picture"), await bitmapOf(parts[0]));
    byId("notice").hidden = true;
    this.#showAnswer(head);
  }

  #showSettings() {
    for (const id of SLIDERS) {
      const output = byId(`${id}-value`);
      const digits = { brightness: 2, contrast: 2, blur: 1, "lamp-strength": 2 }[id] ?? 0;
      const text = id === "brightness" ? signed(Number(byId(id).value), digits) : fixed(Number(byId(id).value), digits);
      output.textContent = `${text} ${output.dataset.unit}`.trim();
    }
    const frame = Number(byId("frame").value);
    byId("at").textContent = `${clock(this.recording.time[frame], 2)} · ${count(frame + 1)}`;
    byId("to-log").hash = `t=${this.recording.time[frame].toFixed(3)}`;
    byId("lamp").setAttribute("aria-pressed", String(this.lamp !== null));
    const handle = byId("lamp-handle");
    handle.hidden = this.lamp === null;
    if (this.lamp) handle.style.left = `${(this.lamp.x / WIDTH) * 100}%`;
    if (this.lamp) handle.style.top = `${(this.lamp.y / HEIGHT) * 100}%`;
    clearTimeout(this.writing);
    const state = new URLSearchParams([["t", this.recording.time[frame].toFixed(3)], ...this.#query()]);
    this.writing = setTimeout(() => history.replaceState(null, "", `${location.pathname}#${state}`), WRITE_MS);
  }

  #showAnswer({ before, after, changed, actions }) {
    const words = ({ steering_deg, speed_mps }) => `${signed(steering_deg, 1)}° at ${fixed(speed_mps, 2)} m/s`;
    byId("before").textContent = words(before);
    byId("after").textContent = words(after);
    byId("verdict").classList.toggle("changed", changed);
    byId("changed").textContent = changed ? "It decides otherwise" : "It decides the same";
    byId("bars").replaceChildren(...actions.map((action) => this.#bar(action, before, after)));
  }

  #bar({ index, steering_deg }, before, after) {
    const well = element("div", { className: "well" }, ["was", "is"].map((className) => element("span", { className })));
    [before, after].forEach(({ outputs }, i) => (well.children[i].style.transform = `scaleY(${outputs[index] ?? 0})`));
    const angle = element("span", { className: "angle", text: `${degrees(steering_deg)}°` });
    const title = `${fixed(before.outputs[index] * 100, 1)} % before, ${fixed(after.outputs[index] * 100, 1)} % after`;
    return element("div", { className: after.action === index ? "best" : "", attributes: { title } }, [well, angle]);
  }

  async #sweep() {
    const query = this.#query();
    query.set("kind", byId("kind").value);
    byId("sweep").disabled = true;
    byId("sweep-said").textContent = "Asking…";
    const response = await fetch(`${this.base}/sweep?${query}`);
    const answer = await response.json();
    byId("sweep").disabled = false;
    if (!response.ok) return (byId("sweep-said").textContent = answer.error);
    const tipping = answer.median_tipping;
    byId("sweep-said").textContent =
      tipping === null ? "Fewer than half of the frames change." : `Half of the frames change by ${fixed(tipping, 2)} ${answer.unit}.`;
    byId("columns").replaceChildren(
      ...answer.strengths.map((strength, i) => {
        const level = element("span", { className: "level" });
        level.style.transform = `scaleY(${answer.changed_share[i]})`;
        return element("div", {}, [
          element("b", { text: `${fixed(answer.changed_share[i] * 100, 0)} %` }),
          element("span", { className: "well" }, [level]),
          element("span", { text: `${strength} ${answer.unit}` }),
        ]);
      }),
    );
  }

  /** The frame itself, which needs no policy. */
  async #undisturbed() {
    const response = await fetch(`${this.base}/frame/${byId("frame").value}.jpg?v=${this.recording.version}`);
    return response.ok ? createImageBitmap(await response.blob()) : null;
  }

  /** Say why there is no answer; an older one must not stand beside another frame. */
  #refuse(reason, frame) {
    byId("notice").textContent = reason;
    byId("notice").hidden = false;
    paint(byId("picture"), frame);
    for (const id of ["before", "after", "changed", "bars"]) byId(id).replaceChildren();
  }
}

async function main() {
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  try {
    const [recording, shelf] = await Promise.all([
      Recording.fetch(document.body.dataset.log),
      fetch("/api/policies").then((response) => response.json()),
    ]);
    byId("bench").setAttribute("aria-busy", "false");
    if (!recording.has_pictures) throw new Error("This run holds no pictures.");
    new Bench(recording, shelf.policies);
  } catch (error) {
    byId("notice").textContent = error.message;
    byId("notice").hidden = false;
  }
}

main();
