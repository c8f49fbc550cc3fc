// Long curves at the price of short ones.

/** Points in one stroke: the outline of a stroke that crosses itself a thousand times costs far more than its parts. */
export const STROKE_POINTS = 400;
/** Metres: two frames further apart are a car that was carried, and a line between them would say that it drove. */
export const TELEPORT_M = 0.5;

/**
 * Of the many frames that fall on one column of pixels, those that the eye can tell apart: the first, the lowest,
 * the highest and the last. Calls `point(i, breaks)` for each in order; `breaks` says that the curve begins anew
 * there, because frames or values are missing before it.
 * @param values one for each frame; one that is not finite is missing.
 * @param time of each frame, in seconds.
 * @param gap the time between frames above which some are missing.
 * @param column the column of pixels that a time falls on.
 */
export function eachTelling({ values, time, first, last, gap, column }, point) {
  let [i, breaks] = [first, true];
  while (i <= last) {
    if (!Number.isFinite(values[i])) {
      [i, breaks] = [i + 1, true];
      continue;
    }
    const here = column(time[i]);
    let [low, high, end] = [i, i, i];
    const goesOn = (next) =>
      next <= last && Number.isFinite(values[next]) && time[next] - time[next - 1] <= gap && column(time[next]) === here;
    while (goesOn(end + 1)) {
      end += 1;
      if (values[end] < values[low]) low = end;
      if (values[end] > values[high]) high = end;
    }
    breaks = breaks || (i > first && time[i] - time[i - 1] > gap);
    const telling = new Set([i, Math.min(low, high), Math.max(low, high), end]);
    for (const frame of telling) {
      point(frame, breaks);
      breaks = false;
    }
    i = end + 1;
  }
}
