// The bin: what was thrown away, and putting it back.

import { change } from "./change.js";
import { byId, element } from "./dom.js";
import { localTime } from "./format.js";

export class Bin {
  /** @param renew called when a log has been put back. */
  constructor(renew) {
    this.renew = renew;
    byId("show-bin").addEventListener("click", () => this.#show());
    byId("bin-close").addEventListener("click", () => byId("bin").close());
  }

  async #show() {
    this.#say("");
    byId("binned").replaceChildren();
    byId("bin").showModal();
    await this.#list();
  }

  async #list() {
    const response = await fetch("/api/bin");
    const answer = await response.json();
    if (!response.ok) {
      this.#say(answer.error);
      return;
    }
    byId("binned").replaceChildren(...answer.logs.map((log) => this.#line(log)));
    byId("bin-empty").hidden = answer.logs.length > 0;
  }

  #line({ key, name, since_s: since }) {
    const button = element("button", { text: "Put back", attributes: { "aria-label": `Put ${name} back` } });
    button.addEventListener("click", () => this.#putBack(key));
    const thrown = element("span", { className: "sub", text: localTime(new Date(since * 1000).toISOString()) });
    return element("li", {}, [element("span", { className: "name", text: name }, [thrown]), button]);
  }

  async #putBack(key) {
    try {
      await change(`/api/bin/${key}/restore`);
      this.#say("");
      await Promise.all([this.#list(), this.renew()]);
    } catch (error) {
      this.#say(error.message);
    }
  }

  #say(text) {
    byId("bin-problem").textContent = text;
  }
}
