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
    this.levels = recording.actionCount === 2 && this.bars.length === 0 ? this.#levels(explain) : [];
    if (this.levels.length > 0) group.classList.add("continuous");
    if (this.levels.length > 0) group.append(...this.levels.map((level) => level.root));
    else if (this.bars.length > 0) group.append(...this.bars.map((bar) => bar.root));
    else group.append(element("p", { className: "none", text: this.#emptyText() }));
  }

  show(frame) {
    const probabilities = this.recording.probabilities(frame);
    const chosen = this.recording.columns.action[frame];
    this.levels.forEach((level, i) => level.show(probabilities[i]));
    for (const { action, root, level, share } of this.bars) {
      const probability = probabilities[action.index];
      level.style.transform = `scaleY(${Number.isFinite(probability) ? probability : 0})`;
      share.textContent = probability >= MENTIONED ? fixed(probability * 100, 0) : "";
      root.classList.toggle("chosen", action.index === chosen);
    }
  }

  /** Mark the action that the heat map explains, when a person has chosen one. */
  showExplained(index) {
    this.levels.forEach(({ root }, i) => root.classList.toggle("explained", i === index));
    for (const { action, root } of this.bars) root.classList.toggle("explained", action.index === index);
  }

  /** The two outputs of a continuous policy: steering from left to right, speed from slow to fast. */
  #levels(explain) {
    const { steering_deg: steering, speed_mps: speed } = this.recording.limits;
    const named = [
      ["Steering", [`${degrees(steering[1])}°`, `${degrees(steering[0])}°`], -1],
      ["Speed", [`${fixed(this.recording.columns.speed_mps.length ? speed[0] : NaN, 1)} m/s`, `${fixed(speed[1], 1)} m/s`], 1],
    ];
    return named.map(([name, ends, direction], index) => {
      const value = element("span", { className: "value" });
      const mark = element("span", { className: "mark" });
      const root = element("button", { className: "output", attributes: { title: `${name}: output of the policy, -1 to 1` } }, [
        element("span", { className: "name", text: name }),
        value,
        element("span", { className: "rail" }, [mark]),
        element("span", { className: "end", text: ends[0] }),
        element("span", { className: "end", text: ends[1] }),
      ]);
      root.addEventListener("click", () => explain(index));
      const show = (output) => {
        value.textContent = signed(output, 2);
        mark.hidden = !Number.isFinite(output);
        mark.style.left = `${50 + 50 * direction * Math.max(-1, Math.min(1, output || 0))}%`;
      };
      return { root, show };
    });
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
      ? "This log does not say what the policy's outputs mean."
      : "This log does not hold the policy's probabilities.";
  }
}
