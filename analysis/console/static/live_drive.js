// The handle: while it is held, the page keeps saying so; when it stops saying so, the console stops the car.

import { change } from "./change.js";
import { byId } from "./dom.js";
import { isTyped } from "./keys.js";

const BEAT_MS = 50;
const SETTLE_MS = 500; // After a release the car's own report comes later than the hold's end.
const KEYS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Drive {
  constructor() {
    this.manual = false;
    this.press = null; // Name of the press while it is held.
    this.beats = null; // Ends the wait for the answer to its last beat.
    this.released = Promise.resolve(); // When the console has heard of the last release.
    this.alone = null; // Since when the car drives and no page holds it.
    this.isElsewhere = false;
    this.stick = { angle: 0, throttle: 0 };
    this.keys = new Set();
    this.hold = byId("hold");
    this.#wirePointer();
    this.#wireKeys();
    // A page that nobody sees is held by nobody.
    document.addEventListener("visibilitychange", () => document.hidden && this.release());
    for (const kind of ["blur", "pagehide"]) window.addEventListener(kind, () => this.release());
    byId("by-policy").addEventListener("click", () => this.#setManual(false));
    byId("by-hand").addEventListener("click", () => this.#setManual(true));
    // A finger that comes while another one holds makes no click; and a stop should not wait for a finger to lift.
    byId("stop").addEventListener("pointerdown", () => this.#stop());
    byId("stop").addEventListener("click", (event) => event.detail === 0 && this.#stop());
    byId("max-speed").addEventListener("input", () => this.#showMaximum());
    byId("max-speed").addEventListener("change", () => this.#setMaximum());
    this.#showMaximum();
  }

  #wirePointer() {
    // Two fingers are no clear will: whoever holds has to press again.
    document.addEventListener("pointerdown", (event) => !event.isPrimary && this.release(), true);
    this.hold.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.isPrimary) return;
      this.hold.setPointerCapture(event.pointerId);
      this.#follow(event);
      this.#begin();
    });
    this.hold.addEventListener("pointermove", (event) => this.press && this.hold.hasPointerCapture(event.pointerId) && this.#follow(event));
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) this.hold.addEventListener(kind, () => this.release());
    this.hold.addEventListener("contextmenu", (event) => event.preventDefault()); // What a long touch would open.
  }

  #wireKeys() {
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#stop();
      if (isTyped(event) || document.querySelector("dialog[open]")) return;
      if (Object.hasOwn(KEYS, event.key)) this.#steerByKeys(event, true);
      if (event.key !== " ") return;
      event.preventDefault();
      if (!event.repeat) this.#begin();
    });
    document.addEventListener("keyup", (event) => {
      if (Object.hasOwn(KEYS, event.key)) this.#steerByKeys(event, false);
      if (event.key === " ") this.release();
      if (event.key === " ") event.preventDefault();
    });
  }

  #steerByKeys(event, down) {
    if (!this.manual) return;
    event.preventDefault();
    if (down) this.keys.add(event.key);
    else this.keys.delete(event.key);
    const [angle, throttle] = [0, 1].map((axis) => [...this.keys].reduce((sum, key) => sum + KEYS[key][axis], 0));
    this.#setStick(angle, throttle);
  }

  #follow(event) {
    if (!this.manual) return;
    const box = this.hold.getBoundingClientRect();
    const clip = (value) => Math.max(-1, Math.min(1, value));
    const x = clip(((event.clientX - box.left) / box.width) * 2 - 1);
    const y = clip(((event.clientY - box.top) / box.height) * 2 - 1);
    this.#setStick(-x, -y);
  }

  #setStick(angle, throttle) {
    this.stick = { angle, throttle };
    const reach = 42; // Percent from the middle, so that the mark stays on the button.
    byId("stick").style.left = `${50 - reach * angle}%`;
    byId("stick").style.top = `${50 - reach * throttle}%`;
  }

  async #begin() {
    if (this.press) return;
    const press = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.press = press;
    this.beats = new AbortController();
    const { signal } = this.beats;
    this.hold.classList.add("held");
    this.#say("");
    // On another connection, this press would overtake that release, and find the car held.
    await this.released;
    try {
      // The maximum that the page shows is the one that the policy is held to.
      if (!this.manual) await this.#sendMaximum(signal);
      // One beat at a time: a beat that hangs is silence, and silence stops the car.
      while (this.press === press) {
        const next = performance.now() + BEAT_MS;
        await change("/api/live/beat", { press, manual: this.manual, ...this.#push() }, signal);
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
      }
    } catch (error) {
      if (this.press === press) this.#say(error.message);
      this.release();
    }
  }

  /** Where the stick is, as the drive shall obey it. */
  #push() {
    if (!this.manual) return { angle: 0, throttle: 0 };
    const share = Number(byId("max-speed").value) / 100;
    return { angle: this.stick.angle, throttle: this.stick.throttle * share };
  }

  /** Let go, whoever or whatever held. */
  release() {
    const { press } = this;
    this.keys.clear();
    this.#setStick(0, 0);
    if (!press) return;
    this.press = null;
    this.hold.classList.remove("held");
    // A beat that the release overtakes is refused, rightly, and nobody waits for that answer.
    this.beats.abort();
    this.released = change("/api/live/release", { press }).catch((error) => this.#say(error.message));
  }

  async #stop() {
    this.release();
    try {
      await change("/api/live/stop");
    } catch (error) {
      this.#say(error.message);
    }
  }

  #setManual(manual) {
    this.release();
    this.manual = manual;
    byId("by-policy").setAttribute("aria-checked", String(!manual));
    byId("by-hand").setAttribute("aria-checked", String(manual));
    byId("stick").hidden = !manual;
    this.#showHelp();
    this.#setStick(0, 0);
  }

  /** Take in whether the car drives although no page holds it: `sim2race drive` may have armed it. */
  showAlone(drives) {
    this.alone = drives && !this.press ? (this.alone ?? performance.now()) : null;
    const isElsewhere = this.alone !== null && performance.now() - this.alone >= SETTLE_MS;
    if (isElsewhere === this.isElsewhere) return;
    this.isElsewhere = isElsewhere;
    this.#showHelp();
  }

  #showHelp() {
    byId("hold-title").textContent = this.isElsewhere ? "Hold to take over" : "Hold to drive";
    const help = this.manual
      ? "Press and drag: up is forward, left is left. Or hold space and steer with the arrow keys. Let go and the car stops."
      : "Hold this, or the space bar. Let go and the car stops.";
    byId("hold-help").textContent = this.isElsewhere ? `Driving without your hand: armed elsewhere. ${help}` : help;
  }

  #showMaximum() {
    byId("max-speed-value").textContent = `${byId("max-speed").value} %`;
  }

  /** By hand the maximum is the stick's; a policy's is the drive's. */
  async #setMaximum() {
    if (this.manual) return;
    try {
      await this.#sendMaximum();
      this.#say("");
    } catch (error) {
      this.#say(error.message);
    }
  }

  async #sendMaximum(signal) {
    await change("/api/live/max-speed", { share: Number(byId("max-speed").value) / 100 }, signal);
  }

  #say(text) {
    byId("notice").textContent = text;
    byId("notice").hidden = text === "";
  }
}
