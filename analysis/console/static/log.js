// The page of one log: loads it, puts the parts together and keeps them at one moment.

import { ActionBars } from "./action_bars.js";
import { readAddress, writeAddress, addressOf } from "./address.js";
import { Bookmarks } from "./bookmarks.js";
import { CameraView, drawLegend } from "./camera_view.js";
import { byId, element } from "./dom.js";
import { EventList } from "./event_list.js";
import { Exporting } from "./exporting.js";
import { clock, count, fixed, signed } from "./format.js";
import { offerKeys } from "./keys.js";
import { LapTable } from "./lap_table.js";
import { copyLink, fillFacts, notice, showChecks } from "./log_dialogs.js";
import { keyTable } from "./log_keys.js";
import { methodTitle, scaleText } from "./methods.js";
import { PathColours } from "./path_colours.js";
import { Pictures } from "./pictures.js";
import { Player, SPEEDS } from "./player.js";
import { Readouts } from "./readouts.js";
import { Recording } from "./recording.js";
import { StripCharts } from "./strip_charts.js";
import { Timeline } from "./timeline.js";
import { TrackMap } from "./track_map.js";

const WINDOWS_S = [0, 60, 20, 10, 5];
const LAPS_NAMED = 12;

class Page {
  constructor(recording) {
    this.recording = recording;
    this.settings = { heat: "hirescam", action: "executed", opacity: 70, window: 0, path: "", strip: "" };
    this.heatOn = true;
    this.heatAvailable = recording.has_policy; // Until the server has said that it is refused.
    this.pictures = new Pictures(recording, (index) => this.#arrived(index));
    this.player = new Player(recording, (index) => this.pictures.ready(index), () => this.show());
    const seek = (seconds) => this.player.seek(seconds);
    this.camera = new CameraView(recording, this.pictures);
    this.actions = new ActionBars(recording, (index) => this.#explain(index));
    this.events = new EventList(recording, seek);
    this.charts = new StripCharts(recording, seek, (strip) => this.#enlarge(strip));
    this.timeline = new Timeline(recording, seek);
    this.colours = new PathColours(recording, (path) => this.change({ path }));
    this.map = new TrackMap(recording, seek, this.colours);
    this.parts = [this.camera, this.actions, this.events, this.charts, new Readouts(recording), this.map];
    this.exporting = new Exporting(recording, () => ({
      ...this.player.range,
      time: this.player.time,
      heat: this.pictures.heat?.method ?? "off",
      action: this.settings.action,
      opacity: this.settings.opacity,
    }));
    this.laps = new LapTable(this.pictures.base, (seconds) => {
      this.player.pause();
      seek(seconds);
    });
    this.bookmarks = new Bookmarks(recording, () => this.player.time, (marks) => {
      this.events.setBookmarks(marks);
      this.timeline.setBookmarks(marks);
      this.show();
    });
  }

  /** Bring every part to the player's moment. */
  show() {
    const { frame, playing, speed } = this.player;
    this.pictures.want(frame, { playing, speed });
    const span = this.#span();
    this.charts.setSpan(span.from, span.to);
    for (const part of this.parts) part.show(frame);
    this.timeline.show(frame, span, this.player.loop);
    document.body.classList.toggle("playing", playing);
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    byId("clock").textContent = clock(this.player.time);
    byId("frame-number").textContent = `${count(frame + 1)} of ${count(this.recording.count)}`;
    byId("speed").value = String(speed);
    byId("to-bench").hash = `t=${this.player.time.toFixed(3)}`;
    byId("loop-end").hidden = this.player.loop === null;
    if (!playing) writeAddress(this.state());
  }

  /** What a link to this moment holds. */
  state() {
    const { opacity, heat, action } = this.settings;
    const state = { t: this.player.time.toFixed(3), heat: this.heatOn ? heat : "off", opacity };
    if (action !== "executed") state.action = action;
    for (const name of ["window", "path", "strip"]) if (this.settings[name]) state[name] = this.settings[name];
    if (this.player.loop) Object.assign(state, { from: this.player.loop.from.toFixed(3), to: this.player.loop.to.toFixed(3) });
    if (this.player.speed !== 1) state.speed = this.player.speed;
    return state;
  }

  /** Take over what a link holds; what it does not hold stays as it is. */
  applyAddress(address) {
    const given = readAddress(address);
    if (given.heat === "off") this.heatOn = false;
    else if (this.recording.method(given.heat)) Object.assign(this, { heatOn: true }).settings.heat = given.heat;
    if (this.#targets().includes(given.action)) this.settings.action = given.action;
    if (this.colours.has(given.path ?? "")) this.settings.path = given.path ?? "";
    this.settings.strip = this.charts.has(given.strip) ? given.strip : "";
    if (given.opacity >= 0 && given.opacity <= 100) this.settings.opacity = given.opacity;
    if (WINDOWS_S.includes(given.window)) this.settings.window = given.window;
    if (SPEEDS.includes(given.speed)) this.player.speed = given.speed;
    this.player.setLoop(given.from ?? 0, given.to ?? this.recording.duration);
    this.applySettings();
    this.player.pause();
    this.player.seek(given.t ?? this.player.time);
  }

  applySettings() {
    const { heat, action, opacity, window: shown } = this.settings;
    const on = this.heatOn && this.heatAvailable;
    this.pictures.setHeat(on ? { method: heat, action } : null, { slow: this.recording.method(heat).paused_only });
    this.camera.setOpacity(opacity);
    this.actions.showExplained(action === "executed" ? null : Number(action));
    this.colours.set(this.settings.path);
    this.charts.setLarge(this.settings.strip);
    byId("heat-toggle").setAttribute("aria-pressed", String(on));
    byId("method").value = heat;
    byId("target").value = action;
    byId("opacity").value = String(opacity);
    byId("window").value = String(shown);
    byId("legend").hidden = !on;
  }

  change(settings) {
    Object.assign(this.settings, settings);
    this.applySettings();
    this.show();
    if ("heat" in settings || "action" in settings) this.loadScale();
  }

  toggleHeat() {
    this.heatOn = !this.heatOn;
    this.applySettings();
    this.show();
  }

  jump(seconds) {
    this.player.pause();
    this.player.seek(this.player.time + seconds);
  }

  jumpToEvent(direction) {
    const time = this.events.neighbour(this.player.time, direction);
    if (time === undefined) return;
    this.player.pause();
    this.player.seek(time);
  }

  /** Ask what scale the maps have, or why there are none. */
  async loadScale() {
    const { heat: method, action } = this.settings;
    const query = new URLSearchParams({ method, action });
    const response = await fetch(`${this.pictures.base}/heatmap?${query}`);
    const answer = await response.json();
    const before = this.heatAvailable;
    this.heatAvailable = response.ok && answer.available;
    this.camera.setProblem(this.heatAvailable ? "" : answer.reason ?? answer.error);
    // Where a method refuses, another one can be chosen; where there is no policy, nothing can.
    const none = answer.available === false;
    for (const id of ["heat-toggle", "method", "target", "opacity", "show-checks"]) byId(id).disabled = none;
    if (this.heatAvailable) byId("legend-scale").textContent = scaleText(method, answer.scale);
    if (this.heatAvailable === before) return this.camera.show(this.player.frame);
    this.applySettings();
    this.show();
  }

  #arrived(index) {
    if (index === this.player.frame) this.camera.show(index);
  }

  /** What can be explained: the actions of a discrete policy, the two outputs of a continuous one. */
  #targets() {
    const { actions, actionCount } = this.recording;
    return actions.length ? ["runner-up", ...actions.map((action) => String(action.index))] : actionCount === 2 ? ["0", "1"] : [];
  }

  #enlarge(strip) {
    this.change({ strip: this.settings.strip === strip ? "" : strip });
  }

  /** Explain an action, or the executed one again when it is pressed twice. */
  #explain(index) {
    const action = this.settings.action === String(index) ? "executed" : String(index);
    this.heatOn = true;
    this.change({ action });
  }

  #span() {
    const { duration } = this.recording;
    const wide = this.settings.window;
    if (!wide || wide >= duration) return { from: 0, to: Math.max(duration, 1e-3) };
    // The moment stays at two thirds, so that more of what led to it is seen than of what came after.
    const from = Math.min(Math.max(0, this.player.time - (wide * 2) / 3), duration - wide);
    return { from, to: from + wide };
  }
}

function fillControls(page) {
  const { recording } = page;
  const options = (id, entries) =>
    byId(id).append(...entries.map(([value, text, title = ""]) => element("option", { text, attributes: { value, title } })));
  options("method", recording.methods.map(({ name, about }) => [name, methodTitle(name), about]));
  options("target", [
    ["executed", recording.actions.length ? "the chosen action" : "the steering"],
    ...(recording.actions.length === 0 && recording.actionCount === 2 ? [["0", "steering"], ["1", "speed"]] : []),
    ...(recording.actions.length > 1 ? [["runner-up", "why not the runner-up"]] : []),
    ...recording.actions.map((action) => [
      action.index,
      `${signed(action.steering_deg, 1)}°, ${fixed(action.speed_mps, 2)} m/s`,
    ]),
  ]);
  options("window", WINDOWS_S.map((seconds) => [seconds, seconds ? `${seconds} s` : "whole log"]));
  options("speed", SPEEDS.map((speed) => [speed, `${speed}×`]));
  drawLegend(byId("legend-bar"), recording.legend);
}

function wire(page) {
  const { player } = page;
  const on = (id, kind, action) => byId(id).addEventListener(kind, action);
  on("play", "click", () => player.toggle());
  on("back", "click", () => player.step(-1));
  on("forward", "click", () => player.step(1));
  on("first", "click", () => player.seekFrame(0));
  on("last", "click", () => player.seekFrame(page.recording.count - 1));
  on("loop-from", "click", () => player.loopFromHere());
  on("loop-to", "click", () => player.loopToHere());
  on("loop-end", "click", () => player.endLoop());
  on("show-export", "click", () => page.exporting.ask());
  on("heat-toggle", "click", () => page.toggleHeat());
  on("method", "change", (event) => page.change({ heat: event.target.value }));
  on("target", "change", (event) => page.change({ action: event.target.value }));
  on("opacity", "input", (event) => page.change({ opacity: Number(event.target.value) }));
  on("window", "change", (event) => page.change({ window: Number(event.target.value) }));
  on("speed", "change", (event) => player.setSpeed(Number(event.target.value)));
  on("show-checks", "click", () => showChecks(page.pictures.base));
  on("close-checks", "click", () => byId("checks").close());
  on("copy-link", "click", () => copyLink(new URL(addressOf(page.state()), location.href).href));
  // The event's address, because the page may have written its own over it in the meantime.
  window.addEventListener("hashchange", (event) => page.applyAddress(event.newURL));
  offerKeys(keyTable(page));
}

/** The laps of a run that holds nothing else, as a metrics file does. */
function lapTimes(laps) {
  if (laps.length === 0) return "";
  const times = laps.slice(0, LAPS_NAMED).map((lap) => `${lap.time_s.toFixed(2)} s`);
  return `${count(laps.length)} lap${laps.length === 1 ? "" : "s"} (${times.join(", ")}${laps.length > LAPS_NAMED ? ", …" : ""}) and `;
}

async function main() {
  // The token has done its work: it must not travel on in a copied link.
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  let recording;
  try {
    recording = await Recording.fetch(document.body.dataset.log);
  } catch (error) {
    notice(error.message);
    byId("replay").hidden = true;
    return;
  }
  if (recording.damage) notice(`This log is damaged and shown up to the damage: ${recording.damage}`);
  fillFacts(recording);
  if (recording.count === 0) {
    notice(`This run holds ${lapTimes(recording.laps)}no frames. ${recording.damage ?? ""}`);
    byId("replay").hidden = true;
    document.body.classList.add("no-frames");
    return;
  }
  document.body.classList.toggle("no-pictures", !recording.has_pictures);
  const page = new Page(recording);
  fillControls(page);
  wire(page);
  page.applyAddress(location.href);
  byId("replay").setAttribute("aria-busy", "false");
  await Promise.all([page.loadScale(), page.bookmarks.load()]);
}

main();
