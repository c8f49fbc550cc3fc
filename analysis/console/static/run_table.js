// Sorting, filtering and choosing the lines of the table of runs.

import { byId } from "./dom.js";
import { count } from "./format.js";

export class RunTable {
  /**
   * @param table the table; its lines may still be empty.
   * @param choose called with the chosen lines and with the shown ones whenever either changes.
   */
  constructor(table, choose) {
    this.body = table.tBodies[0];
    this.rows = [...this.body.rows];
    this.choose = choose;
    this.known = new Map();
    this.sorted = { key: "", falling: false };
    for (const button of table.querySelectorAll(".sort")) {
      button.addEventListener("click", () => this.#sortBy(button.dataset.sort));
    }
    byId("filter").addEventListener("input", () => this.filter());
    this.body.addEventListener("change", (event) => {
      if (event.target.matches(".chosen")) this.#tell();
    });
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
    this.#order();
    this.filter();
  }

  /** Take in a line that was not there when the page was made. */
  add(row) {
    this.rows.unshift(row);
    this.body.prepend(row);
    this.#order();
    this.filter();
  }

  remove(row) {
    row.remove();
    this.rows = this.rows.filter((each) => each !== row);
    this.filter();
  }

  /** Show the lines that hold every word that was typed. */
  filter() {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of this.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const [all, shown] = [this.rows.length, this.shown().length];
    byId("none").hidden = all > 0;
    byId("runs").hidden = all === 0;
    byId("shown-count").textContent = words.length ? `${count(shown)} of ${count(all)} runs` : `${count(all)} run${all === 1 ? "" : "s"}`;
    this.#tell();
  }

  #tell() {
    this.choose(this.chosen(), this.shown());
  }

  #sortBy(key) {
    this.sorted = { key, falling: this.sorted.key === key ? !this.sorted.falling : false };
    for (const button of document.querySelectorAll(".sort")) {
      const order = button.dataset.sort !== key ? "none" : this.sorted.falling ? "descending" : "ascending";
      button.closest("th").setAttribute("aria-sort", order);
    }
    this.#order();
  }

  #order() {
    const { key, falling } = this.sorted;
    if (!key) return;
    const value = (row) => this.known.get(row)?.[key] ?? null;
    this.rows.sort((one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === null || b === null) return (a === null) - (b === null); // The unknown is last either way.
      const order = typeof a === "string" ? a.localeCompare(b) : a - b;
      return falling ? -order : order;
    });
    this.body.append(...this.rows);
  }
}
