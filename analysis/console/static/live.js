// The live page: asks for the newest frame, shows it, and asks for the next.

import { byId, element } from "./dom.js";
import { degrees, fixed, signed } from "./format.js";
import { offerKeys } from "./keys.js";
import { LiveCharts, LiveTrack } from "./live_charts.js";
import { Drive } from "./live_drive.js";
import { LiveEvents } from "./live_events.js";
import { methodTitle } from "./methods.js";
import { paint } from "./pane.js";
import { bitmapOf, unpackParcel } from "./parcel.js";

const AGAIN_MS = 1000;
const DELAYS = 600; // Of the last frames, kept for whoever measures.

class Live {
  constructor() {
    this.sequence = 0;
    this.ahead = [-Infinity, Infinity]; // What this machine's clock is ahead of the console's, at least and at most.
    this.policy = null;
    this.heat = "hirescam"; // What the key turns on again.
    this.charts = new LiveCharts();
    this.track = new LiveTrack();
    this.events = new LiveEvents();
    this.drive = new Drive();
    window.sim2raceDelays = []; // Milliseconds from the stamp in a frame to its paint, for the bench.
    for (const option of byId("heat").options) if (option.value !== "off") option.textContent = methodTitle(option.value);
    this.#readAddress();
    window.addEventListener("hashchange", () => this.#readAddress());
    byId("heat").addEventListener("change", () => this.#setHeat(byId("heat").value));
    const keys = [
      [["Space"], "Drive, for as long as it is held"],
      [["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"], "Steer while space is held, if you drive"],
      [["Escape"], "Stop, whoever holds"],
      [["g"], "Heat map on or off", () => this.#setHeat(byId("heat").value === "off" ? this.heat : "off")],
    ];
    offerKeys(keys, () => this.drive.release());
  }

  #readAddress() {
    const given = new URLSearchParams(location.hash.slice(1)).get("heat");
    const known = [...byId("heat").options].some(({ value }) => value === given);
    byId("heat").value = known ? given : "hirescam";
    if (byId("heat").value !== "off") this.heat = byId("heat").value;
  }

  #setHeat(heat) {
    byId("heat").value = heat;
    if (heat !== "off") this.heat = heat;
    history.replaceState(null, "", `${location.pathname}#heat=${heat}`);
  }

  async run() {
    for (;;) {
      try {
        await this.#next();
      } catch (error) {
        this.#note(`The console does not answer: ${error.message}`);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  async #next() {
    const asked = Date.now();
    const response = await fetch(`/api/live/frame?after=${this.sequence}&events=${this.events.version}&heat=${byId("heat").value}`);
    if (!response.ok) throw new Error((await response.json()).error);
    const { head, parts } = await unpackParcel(response);
    // The answer was written between asking and now: so far apart, and no further, are the clocks.
    this.ahead = [Math.max(this.ahead[0], asked - head.now_ms), Math.min(this.ahead[1], Date.now() - head.now_ms)];
    if (head.policy !== this.policy) await this.#about(head.policy);
    this.#showFacts(head);
    this.events.show(head.events);
    if (head.sequence === this.sequence) {
      byId("stage").classList.add("stale");
      this.#note(this.sequence ? "No new frame for a second." : byId("stage-note").textContent);
      return;
    }
    this.sequence = head.sequence;
    const [frame, map] = await Promise.all(parts.map(bitmapOf));
    await new Promise((resolve) => {
      const painted = () => {
        this.#paint(head, frame, map);
        resolve();
      };
      // A hidden page is given no animation frames, and still must not fall behind.
      if (document.hidden) painted();
      else requestAnimationFrame(painted);
    });
  }

  #paint(head, frame, map) {
    paint(byId("frame"), frame);
    paint(byId("map"), map);
    frame?.close();
    map?.close();
    byId("stage").classList.remove("stale");
    byId("stage").classList.toggle("heated", map !== null);
    byId("stage").dataset.sequence = head.sequence;
    this.#note(head.heat.problem && byId("heat").value !== "off" ? `No heat map: ${head.heat.problem}` : "");
    const offset = Math.min(Math.max(0, this.ahead[0]), this.ahead[1]);
    const behind = Date.now() - offset - head.captured_ms;
    window.sim2raceDelays.push(behind);
    if (window.sim2raceDelays.length > DELAYS) window.sim2raceDelays.shift();
    byId("behind").textContent = fixed(behind, 0);
    byId("rate").textContent = fixed(head.fps, 0);
    byId("confidence").textContent = fixed(head.confidence, 2);
    this.#showBars(head.outputs);
    const { drive, pose } = head.facts;
    this.charts.add(performance.now(), {
      steering: drive && (drive.steering_rad * 180) / Math.PI,
      speed: drive?.speed_mps,
      confidence: head.confidence,
      entropy: head.entropy,
      latency: drive?.latency_ms,
      rate: head.fps,
      behind,
    });
    this.track.add(pose, head.captured_ms);
  }

  #showFacts({ facts, why_stopped: why, held }) {
    const { drive, inference, place, device } = facts;
    byId("state").textContent = drive ? (drive.state === "driving" ? "driving" : `${drive.state}: ${drive.reason}`) : "waiting";
    byId("state").dataset.state = drive?.state ?? "";
    this.drive.showAlone(!held && ["armed", "driving"].includes(drive?.state));
    byId("steering").textContent = signed(drive ? (drive.steering_rad * 180) / Math.PI : NaN, 1);
    byId("speed").textContent = fixed(drive?.speed_mps, 2);
    byId("latency").textContent = fixed(drive?.latency_ms, 1);
    const words = [
      inference && inference.state !== "acting" ? `policy ${inference.state}${inference.reason ? `: ${inference.reason}` : ""}` : "",
      place ? `lap ${place.laps + 1}, ${fixed(place.progress_percent, 0)} %, drives ${fixed(place.speed_mps, 2)} m/s` : "",
      place?.off_track ? "off the track" : "",
      device ? `CPU ${fixed(device.cpu_percent, 0)} %` : "",
      held || !why || why === "released" ? "" : `last hold ended: ${why}`,
    ];
    byId("facts").textContent = words.filter(Boolean).join(" · ");
  }

  async #about(policy) {
    const answer = await (await fetch("/api/live/about")).json();
    if (answer.error) return;
    this.policy = policy;
    byId("name").textContent = answer.name;
    this.track.setTrack(answer.track);
    this.bars = answer.actions.map((action) => {
      const level = element("span", { className: "level" });
      const angle = element("span", { className: "angle", text: `${degrees(action.steering_deg)}°` });
      return { index: action.index, level, root: element("div", {}, [element("span", { className: "well" }, [level]), angle]) };
    });
    byId("bars").replaceChildren(...this.bars.map(({ root }) => root));
  }

  #showBars(outputs) {
    const best = outputs ? outputs.indexOf(Math.max(...outputs)) : -1;
    for (const { index, level, root } of this.bars ?? []) {
      level.style.transform = `scaleY(${outputs?.[index] ?? 0})`;
      root.classList.toggle("best", index === best);
    }
  }

  #note(text) {
    byId("stage-note").textContent = text;
    byId("stage-note").hidden = text === "";
  }
}

if (location.search) history.replaceState(null, "", location.pathname + location.hash);
new Live().run();
