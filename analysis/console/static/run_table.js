// Sorting, filtering and choosing the lines of the table of runs.

import { byId, element } from "./dom.js";
import { count } from "./format.js";

/** A tag that shows only the runs that have it, or no longer does. */
export function tagButton(text, title = `Only runs tagged ${text}`) {
  return element("button", { className: "tag", text, attributes: { title, "aria-pressed": "true" } });
}

export class RunTable {
  /**
   * @param table the table; its lines may still be empty.
   * @param choose called with the chosen lines and with the shown ones whenever either changes.
   * @param changed called when a person has changed the state, with how: "pressed", "typed" or "chosen".
   */
  constructor(table, choose, changed) {
    this.body = table.tBodies[0];
    this.rows = [...this.body.rows];
    this.arrived = [...this.rows]; // In the order that no column asks for: the newest first.
    this.choose = choose;
    this.changed = changed;
    this.known = new Map();
    this.sorted = { key: "", falling: false };
    this.tags = []; // Only runs that have them all are shown.
    this.awaited = new Set(); // Runs that the address chooses and that are not here yet.
    for (const button of table.querySelectorAll(".sort")) {
      button.addEventListener("click", () => this.#sortBy(button.dataset.sort));
    }
    byId("filter").addEventListener("input", () => {
      this.filter();
      this.changed("typed");
    });
    this.body.addEventListener("change", (event) => {
      if (!event.target.matches(".chosen")) return;
      this.#tell();
      this.changed("chosen");
    });
    for (const place of [this.body, byId("by-tags")]) {
      place.addEventListener("click", (event) => event.target.matches(".tag") && this.#toggleTag(event.target.textContent));
    }
    this.filter();
  }

  /** What the address keeps. */
  state() {
    const { key, falling } = this.sorted;
    const chosen = [...this.chosen().map((row) => row.dataset.log), ...this.awaited];
    return { sort: key, falling, words: byId("filter").value, tags: this.tags, chosen };
  }

  /** Take a state over; an order that there is not is none. */
  set({ sort, falling, words, tags, chosen }) {
    const known = [...document.querySelectorAll(".sort")].some((button) => button.dataset.sort === sort);
    this.sorted = { key: known ? sort : "", falling: known && falling };
    byId("filter").value = words;
    this.tags = tags;
    this.awaited = new Set(chosen);
    for (const row of this.rows) this.#choose(row);
    this.#order();
    this.filter();
  }

  chosen() {
    return this.rows.filter((row) => row.querySelector(".chosen").checked);
  }

  shown() {
    return this.rows.filter((row) => !row.hidden);
  }

  /** Take over what a line is sorted by, once it is known. */
  know(row, keys) {
    this.known.set(row, keys);
    if (this.sorted.key) this.#order();
    this.filter();
  }

  /** Take in a line that was not there when the page was made. */
  add(row) {
    this.rows.unshift(row);
    this.arrived.unshift(row);
    this.body.prepend(row);
    if (this.awaited.has(row.dataset.log)) this.#choose(row);
    if (this.sorted.key) this.#order();
    this.filter();
  }

  remove(row) {
    row.remove();
    for (const list of ["rows", "arrived"]) this[list] = this[list].filter((each) => each !== row);
    this.filter();
  }

  /** Show the lines that hold every word that was typed, and every tag that was pressed. */
  filter() {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of this.rows) {
      const text = [...row.cells].map((cell) => (cell.className === "change" ? "" : cell.textContent)).join(" ").toLowerCase();
      const tags = [...row.querySelectorAll(".tag")].map((tag) => tag.textContent);
      row.hidden = !words.every((word) => text.includes(word)) || !this.tags.every((tag) => tags.includes(tag));
    }
    byId("by-tags").replaceChildren(...this.tags.map((text) => tagButton(text, `No longer only runs tagged ${text}`)));
    for (const tag of this.body.querySelectorAll(".tag")) tag.setAttribute("aria-pressed", String(this.tags.includes(tag.textContent)));
    const [all, shown] = [this.rows.length, this.shown().length];
    byId("none").hidden = all > 0;
    byId("runs").hidden = all === 0;
    byId("shown-count").textContent = words.length || this.tags.length ? `${count(shown)} of ${count(all)} runs` : `${count(all)} run${all === 1 ? "" : "s"}`;
    this.#tell();
  }

  #tell() {
    this.choose(this.chosen(), this.shown());
  }

  #choose(row) {
    row.querySelector(".chosen").checked = this.awaited.delete(row.dataset.log);
  }

  #toggleTag(text) {
    this.tags = this.tags.includes(text) ? this.tags.filter((tag) => tag !== text) : [...this.tags, text];
    this.filter();
    this.changed("pressed");
  }

  #sortBy(key) {
    this.sorted = { key, falling: this.sorted.key === key ? !this.sorted.falling : false };
    this.#order();
    this.changed("pressed");
  }

  #order() {
    const { key, falling } = this.sorted;
    for (const button of document.querySelectorAll(".sort")) {
      const order = button.dataset.sort !== key ? "none" : falling ? "descending" : "ascending";
      button.closest("th").setAttribute("aria-sort", order);
    }
    this.rows = [...this.arrived];
    const value = (row) => this.known.get(row)?.[key] ?? null;
    if (key) this.rows.sort((one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === null || b === null) return (a === null) - (b === null); // The unknown is last either way.
      const order = typeof a === "string" ? a.localeCompare(b) : a - b;
      return falling ? -order : order;
    });
    this.body.append(...this.rows);
  }
}
