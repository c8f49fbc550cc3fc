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
    this.loop = null; // { from, to } in seconds while a range is played again and again.
    this.clock = 0; // Seconds of the log.
    this.last = null; // Of the animation, milliseconds.
  }

  get time() {
    return this.recording.time[this.frame];
  }

  /** What is played: the loop, or everything. */
  get range() {
    return this.loop ?? { from: 0, to: this.recording.duration };
  }

  /** Play a range again and again. An end that does not lie after the beginning takes the other one away. */
  setLoop(from, to) {
    const { duration } = this.recording;
    const [first, last] = [Math.max(0, from), Math.min(to, duration)];
    this.loop = first < last && (first > 0 || last < duration) ? { from: first, to: last } : null;
    this.show();
  }

  loopFromHere() {
    const { to } = this.range;
    this.setLoop(this.time, to > this.time ? to : this.recording.duration);
  }

  loopToHere() {
    const { from } = this.range;
    this.setLoop(from < this.time ? from : 0, this.time);
  }

  endLoop() {
    this.loop = null;
    this.show();
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
    const { from, to } = this.range;
    if (this.frame === this.recording.count - 1 || (this.loop && (this.time < from || this.time >= to))) this.seek(from);
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
    if (this.loop && due > this.loop.to) this.seek(this.loop.from);
    else this.#advance(due);
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
