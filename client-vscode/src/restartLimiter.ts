/** When to give up on a server that keeps stopping. */

const LIMIT = 5;
const WITHIN_MS = 3 * 60_000;

export class RestartLimiter {
  private times: number[] = [];

  /** Count one more crash; false after too many of them in a short time. */
  worthRestarting(now: number = Date.now()): boolean {
    this.times = [...this.times.filter((time) => now - time < WITHIN_MS), now];
    return this.times.length < LIMIT;
  }
}
