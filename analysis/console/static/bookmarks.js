// Bookmarks: moments that a person marked, with a text; shown among the events.

import { change } from "./change.js";
import { byId, element } from "./dom.js";

export class Bookmarks {
  /**
   * @param recording the log.
   * @param moment returns the present moment in seconds.
   * @param show called with the bookmarks as events whenever they change.
   */
  constructor(recording, moment, show) {
    this.address = `/api/log/${encodeURIComponent(recording.id)}/bookmarks`;
    this.moment = moment;
    this.show = show;
    byId("bookmark").addEventListener("click", () => this.ask());
    byId("bookmark-cancel").addEventListener("click", () => byId("bookmark-text").close());
    // The form is never sent: its answer goes through the API.
    byId("bookmark-text").querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
  }

  async load() {
    const response = await fetch(this.address);
    if (response.ok) this.#take(await response.json());
  }

  ask() {
    this.time = this.moment();
    byId("bookmark-words").value = "";
    byId("bookmark-problem").textContent = "";
    byId("bookmark-text").showModal();
  }

  async #save() {
    try {
      this.#take(await change(this.address, { time_s: this.time, text: byId("bookmark-words").value }));
      byId("bookmark-text").close();
    } catch (error) {
      byId("bookmark-problem").textContent = error.message;
    }
  }

  async #remove(id) {
    this.#take(await change(`${this.address}/${id}/remove`));
  }

  #take({ bookmarks }) {
    this.show(
      bookmarks.map(({ id, time_s, text }) => {
        const remove = element("button", { className: "remove", text: "×", attributes: { title: "Remove this bookmark", "aria-label": `Remove the bookmark ${text}` } });
        remove.addEventListener("click", () => this.#remove(id));
        return { time_s, kind: "bookmark", text: text || "Bookmark", severity: "bookmark", extra: remove };
      }),
    );
  }
}
