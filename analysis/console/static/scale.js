// Round steps for axes.

const TIME_STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

/** The smallest round step of time that divides a range into at most so many parts. */
export function timeStep(range, most) {
  return TIME_STEPS_S.find((step) => range / step <= most) ?? 7200;
}

/** Zero and a round value below a positive one. */
export function valueLines(high) {
  const power = 10 ** Math.floor(Math.log10(high || 1));
  const step = [5, 2, 1, 0.5].map((factor) => factor * power).find((each) => high / each >= 1) ?? high;
  return [0, step];
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
