// The export dialog: what, which range, how far it has come, and the file at the end.

import { change } from "./change.js";
import { byId, element } from "./dom.js";
import { clock } from "./format.js";

const ASK_MS = 250;

export class Exporting {
  /**
   * @param recording the log.
   * @param present returns { from, to, time, heat, action, opacity }: the range, the moment and the heat map on
   *   the page, whose method is "off" where there is none.
   */
  constructor(recording, present) {
    this.base = `/api/log/${encodeURIComponent(recording.id)}`;
    this.present = present;
    this.job = null;
    byId("export-metrics").href = `${this.base}/metrics.json`;
    for (const button of byId("export").querySelectorAll("[data-kind]")) {
      button.addEventListener("click", () => this.#start(button.dataset.kind));
    }
    byId("export-cancel").addEventListener("click", () => this.#cancel());
    byId("export-close").addEventListener("click", () => byId("export").close());
  }

  ask() {
    const { from, to, time } = this.present();
    byId("export-range").textContent = `${clock(from)} to ${clock(to)}`;
    byId("export-moment").textContent = clock(time);
    this.#fillChoice();
    if (!this.job) this.#say("");
    byId("export").showModal();
  }

  /** What the page shows is what is exported, unless a person chooses otherwise here. */
  #fillChoice() {
    const { heat, action, opacity } = this.present();
    const copied = (id) => [...byId(id).options].map((option) => option.cloneNode(true));
    byId("export-heat").replaceChildren(...copied("method"), element("option", { text: "none", attributes: { value: "off" } }));
    byId("export-action").replaceChildren(...copied("target"));
    byId("export-heat").value = heat;
    byId("export-action").value = action;
    byId("export-opacity").value = String(opacity);
    this.#fillPolicies();
  }

  async #fillPolicies() {
    const response = await fetch("/api/policies");
    if (!response.ok) return;
    const { policies } = await response.json();
    const select = byId("export-policy");
    const chosen = select.value;
    const options = policies.map(({ id, name }) => element("option", { text: name, attributes: { value: id } }));
    select.replaceChildren(select.options[0], ...options);
    select.value = chosen;
    if (select.selectedIndex < 0) select.value = "";
  }

  #choice() {
    return {
      heat: byId("export-heat").value,
      action: byId("export-action").value,
      policy: byId("export-policy").value,
      opacity: Number(byId("export-opacity").value) / 100,
      signed: byId("export-signed").checked,
    };
  }

  async #start(kind) {
    const { from, to, time } = this.present();
    const [start_s, end_s] = kind === "png" ? [time, time] : [from, to];
    try {
      const { job } = await change(`${this.base}/export`, { kind, start_s: start_s - 0.0005 > 0 ? start_s - 0.0005 : 0, end_s: end_s + 0.0005, ...this.#choice() });
      this.job = job;
      this.#running(true);
      await this.#follow(job);
    } catch (error) {
      this.#say(error.message, true);
    }
    this.job = null;
    this.#running(false);
  }

  async #follow(job) {
    for (;;) {
      const response = await fetch(`/api/job/${job}`);
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      byId("export-progress").value = answer.done;
      if (answer.state === "failed") throw new Error(answer.error);
      if (answer.state === "cancelled") return this.#say("Cancelled; nothing was written.");
      if (answer.state === "done") {
        this.#say(`${answer.name} is in your downloads.`);
        return location.assign(`/api/job/${job}/file`);
      }
      this.#say(answer.state === "waiting" ? "Waiting for another export…" : `${Math.round(answer.done * 100)} %`);
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    }
  }

  async #cancel() {
    if (this.job) await change(`/api/job/${this.job}/cancel`);
  }

  #running(running) {
    byId("export-cancel").hidden = !running;
    byId("export-progress").hidden = !running;
    for (const button of byId("export").querySelectorAll("[data-kind]")) button.disabled = running;
  }

  #say(text, refused = false) {
    byId("export-said").textContent = text;
    byId("export-said").classList.toggle("problem", refused);
  }
}
