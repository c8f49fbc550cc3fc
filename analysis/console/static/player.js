// The clock of the page: which frame is shown, and when the next one is due by the frames' own stamps.

import { strideAt } from "./pictures.js";

export const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4, 8];

export class Player {
  /**
   * @param recording the log.
   * @param ready whether a frame's pictures are there; playing waits for them instead of showing others.
   * @param show called after every change of frame, playing or speed.
   */
  constructor(recording, ready, show) {
    this.recording = recording;
    this.ready = ready;
    this.show = show;
    this.frame = 0;
    this.playing = false;
    this.speed = 1;
    this.clock = 0; // Seconds of the log.
    this.last = null; // Of the animation, milliseconds.
  }

  get time() {
    return this.recording.time[this.frame];
  }

  seekFrame(frame) {
    this.frame = Math.min(Math.max(0, frame), this.recording.count - 1);
    this.clock = this.time;
    this.show();
  }

  seek(seconds) {
    this.seekFrame(this.recording.nearest(seconds));
  }

  step(frames) {
    this.pause();
    this.seekFrame(this.frame + frames);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (this.playing) return;
    if (this.frame === this.recording.count - 1) this.seekFrame(0);
    this.playing = true;
    this.last = null;
    requestAnimationFrame((now) => this.#tick(now));
    this.show();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.show();
  }

  setSpeed(speed) {
    this.speed = speed;
    this.show();
  }

  changeSpeed(steps) {
    const nearest = SPEEDS.findIndex((speed) => speed >= this.speed);
    const index = Math.min(Math.max(0, nearest + steps), SPEEDS.length - 1);
    this.setSpeed(SPEEDS[index]);
  }

  #tick(now) {
    if (!this.playing) return;
    // A hidden page gets no animation; coming back must not leap.
    const elapsed = this.last === null ? 0 : Math.min((now - this.last) / 1000, 0.25);
    this.last = now;
    const due = Math.min(this.clock + elapsed * this.speed, this.recording.duration);
    this.#advance(due);
    if (this.frame === this.recording.count - 1) this.pause();
    else requestAnimationFrame((next) => this.#tick(next));
  }

  /** Go to the latest frame that is due and there; the clock waits for one that is not. */
  #advance(due) {
    const last = this.recording.count - 1;
    let target = this.recording.frameAt(due);
    if (target < last) target = Math.max(this.frame, target - (target % strideAt(this.speed)));
    let shown = target;
    while (shown > this.frame && !this.ready(shown)) shown -= 1;
    this.clock = shown === target ? due : Math.max(this.clock, this.recording.time[shown]);
    if (shown !== this.frame) {
      this.frame = shown;
      this.show();
    }
  }
}
