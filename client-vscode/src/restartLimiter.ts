/** When to give up on a server that keeps dying. */

const LIMIT = 5;
const WITHIN_MS = 3 * 60_000;

export class Deaths {
  private times: number[] = [];

  /** Count one more death; false once there were too many of them lately. */
  worthRestarting(now: number = Date.now()): boolean {
    this.times = [...this.times.filter((time) => now - time < WITHIN_MS), now];
    return this.times.length < LIMIT;
  }
}
