// The action probabilities as bars in steering order: left is on the left.

import { byId, element } from "./dom.js";
import { degrees, fixed, signed } from "./format.js";

const MENTIONED = 0.005;

export class ActionBars {
  /**
   * @param recording the log.
   * @param explain called with an action's index when its bar is pressed.
   */
  constructor(recording, explain) {
    this.recording = recording;
    this.bars = recording.actions.map((action) => this.#bar(action, explain));
    const group = byId("actions");
    if (this.bars.length > 0) group.append(...this.bars.map((bar) => bar.root));
    else group.append(element("p", { className: "none", text: this.#emptyText() }));
  }

  show(frame) {
    const probabilities = this.recording.probabilities(frame);
    const chosen = this.recording.columns.action[frame];
    for (const { action, root, level, share } of this.bars) {
      const probability = probabilities[action.index];
      level.style.transform = `scaleY(${Number.isFinite(probability) ? probability : 0})`;
      share.textContent = probability >= MENTIONED ? fixed(probability * 100, 0) : "";
      root.classList.toggle("chosen", action.index === chosen);
    }
  }

  /** Mark the action that the heat map explains, when a person has chosen one. */
  showExplained(index) {
    for (const { action, root } of this.bars) root.classList.toggle("explained", action.index === index);
  }

  #bar(action, explain) {
    const share = element("span", { className: "share" });
    const level = element("span", { className: "level" });
    const root = element(
      "button",
      {
        className: "action",
        attributes: { title: `${signed(action.steering_deg, 1)}° at ${fixed(action.speed_mps, 2)} m/s` },
      },
      [
        share,
        element("span", { className: "well" }, [level]),
        element("span", { className: "angle", text: `${degrees(action.steering_deg)}°` }),
        element("span", { className: "pace", text: fixed(action.speed_mps, 2).replace(/0$/, "") }),
      ],
    );
    root.addEventListener("click", () => explain(action.index));
    return { action, root, level, share };
  }

  #emptyText() {
    return this.recording.actionCount > 0
      ? "A continuous policy: it commands steering and speed, not one of several actions."
      : "This log does not hold the policy's actions.";
  }
}
