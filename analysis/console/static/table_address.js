// How the list of runs is ordered, filtered and chosen from, in the page's address.

const WRITE_MS = 200; // Browsers refuse to change the address with every letter that is typed.

export class TableAddress {
  /** @param table the table of runs; it is set as the address says, now and when the browser goes back. */
  constructor(table) {
    this.table = table;
    window.addEventListener("popstate", () => this.#read());
    this.#read();
  }

  /** Write the table's state; what was "pressed" is undone by the browser's way back. */
  write(how) {
    clearTimeout(this.waiting);
    const replace = () => history.replaceState(null, "", this.#address());
    if (how === "pressed") history.pushState(null, "", this.#address());
    else if (how === "chosen") replace();
    else this.waiting = setTimeout(replace, WRITE_MS);
  }

  #address() {
    const { sort, falling, words, tags, chosen } = this.table.state();
    const state = new URLSearchParams();
    if (sort) state.set("sort", sort);
    if (falling) state.set("order", "falling");
    if (words) state.set("filter", words);
    for (const tag of tags) state.append("tag", tag);
    if (chosen.length) state.set("chosen", chosen.join(","));
    return state.size ? `${location.pathname}#${state}` : location.pathname;
  }

  #read() {
    clearTimeout(this.waiting);
    const given = new URLSearchParams(location.hash.slice(1));
    this.table.set({
      sort: given.get("sort") ?? "",
      falling: given.get("order") === "falling",
      words: given.get("filter") ?? "",
      tags: given.getAll("tag"),
      chosen: (given.get("chosen") ?? "").split(",").filter(Boolean),
    });
  }
}
