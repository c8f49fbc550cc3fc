// One of two runs: its frame with its heat map, which lap of it, and which policy judges it.

import { byId, element } from "./dom.js";
import { Pane } from "./pane.js";

export class Side {
  /**
   * @param letter "a" or "b".
   * @param ask called when a person chooses another lap or policy.
   */
  constructor(letter, ask) {
    this.letter = letter;
    this.frame = new Pane(byId(`frame-${letter}`));
    this.heat = new Pane(byId(`heat-${letter}`), (text) => this.#say(text));
    for (const name of ["policy", "lap"]) byId(`${name}-${letter}`).addEventListener("change", ask);
  }

  /** Take over a run as the server describes it, and the policies that there are. */
  take(run, policies) {
    this.run = run;
    const options = (id, entries) =>
      byId(id).replaceChildren(...entries.map(([value, text]) => element("option", { text, attributes: { value } })));
    options(`policy-${this.letter}`, [["", "as driven"], ...policies.map(({ id, name }) => [id, name])]);
    byId(`policy-${this.letter}`).value = run.policy?.id ?? "";
    options(`lap-${this.letter}`, run.laps.map(({ number, time_s }) => [number, `lap ${number}, ${time_s.toFixed(2)} s`]));
    byId(`lap-${this.letter}`).value = String(run.lap ?? "");
    byId(`lap-field-${this.letter}`).hidden = run.laps.length < 2;
    byId(`policy-field-${this.letter}`).hidden = !run.has_pictures;
    this.frame.canvas.parentElement.classList.toggle("empty", !run.has_pictures);
    if (!run.has_pictures) this.#note("No picture: this run holds none.");
  }

  /** What was chosen, as parts of a query. */
  chosen() {
    return Object.fromEntries(
      ["policy", "lap"].map((name) => [`${name}_${this.letter}`, byId(`${name}-${this.letter}`).value]),
    );
  }

  show(frame, heat) {
    const { id, version, frames, policy, explained } = this.run;
    byId(`where-${this.letter}`).textContent = frames === 0 ? "no frames" : frame < 0 ? "has ended" : `frame ${frame + 1} of ${frames}`;
    this.frame.canvas.parentElement.classList.toggle("ended", frame < 0 && frames > 0);
    this.frame.canvas.parentElement.classList.toggle("heated", heat !== "off");
    if (frame < 0 || !this.run.has_pictures) return;
    const base = `/api/log/${encodeURIComponent(id)}`;
    this.frame.show(`${base}/frame/${frame}.jpg?v=${version}`);
    const query = new URLSearchParams({ method: heat, v: version });
    if (policy) query.set("policy", policy.id);
    if (policy) query.set("pv", policy.version);
    if (!explained && heat !== "off") this.#say("there is no policy.onnx beside this log.");
    else this.heat.show(heat === "off" ? null : `${base}/heatmap/${frame}.png?${query}`);
  }

  #say(text) {
    this.#note(text ? `No heat map: ${text}` : "");
  }

  #note(text) {
    const note = byId(`note-${this.letter}`);
    note.textContent = text;
    note.hidden = text === "";
  }
}
