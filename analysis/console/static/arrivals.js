// New logs: those that appear in the folder by themselves, and those that a person brings in.

import { byId } from "./dom.js";

const LOOK_MS = 2000;

export class Arrivals {
  /** @param renew called when there may be logs that the page does not show. */
  constructor(renew) {
    this.renew = renew;
    byId("upload").addEventListener("change", (event) => this.#bring([...event.target.files]));
    // Leaving one part of the page for another is no leaving: only the last one counts.
    let depth = 0;
    const over = (change) => {
      depth = Math.max(0, depth + change);
      document.body.classList.toggle("dropping", depth > 0);
    };
    document.addEventListener("dragenter", (event) => event.dataTransfer?.types.includes("Files") && over(1));
    document.addEventListener("dragleave", (event) => event.dataTransfer?.types.includes("Files") && over(-1));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      over(-depth);
      this.#bring([...(event.dataTransfer?.files ?? [])]);
    });
    this.#look();
  }

  /** Look into the folder now and then, while somebody looks at the page. */
  async #look() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      // A console that has been stopped is no reason to stop looking: it may come back.
      if (!document.hidden) await this.renew().catch(() => {});
    }
  }

  async #bring(files) {
    byId("arriving").hidden = files.length === 0;
    const told = [];
    for (const file of files) {
      byId("arriving-text").textContent = `Bringing in ${file.name}`;
      try {
        const { names } = await send(file, (share) => (byId("arriving-share").value = share));
        told.push(`${names.join(", ")} ${names.length === 1 ? "is" : "are"} here.`);
      } catch (error) {
        told.push(`${file.name}: ${error.message}`);
      }
    }
    byId("upload").value = "";
    byId("arriving-text").textContent = told.join(" ");
    byId("arriving-share").hidden = true;
    await this.renew();
  }
}

/** Send one file; only this old way of asking tells how much has been sent. */
function send(file, progress) {
  byId("arriving-share").hidden = false;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/upload?${new URLSearchParams({ name: file.name })}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-Sim2Race-Change", document.querySelector("meta[name='change-token']").content);
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(total ? loaded / total : 0));
    request.addEventListener("error", () => reject(new Error("it could not be sent; is it too large?")));
    request.addEventListener("load", () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = { error: `the console answered ${request.status}` };
      }
      if (request.status === 200) resolve(answer);
      else reject(new Error(answer.error));
    });
    request.send(file);
  });
}
