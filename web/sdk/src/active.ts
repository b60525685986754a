/**
 * Encodings that nobody watches are not encoded. The server says which are of use; this turns them on and off at one
 * sender, one change after another, because `setParameters` refuses what overlaps.
 */

/** A simulcast encoding, and whether anybody is shown it, or may be at once. */
export interface EncodingUse {
  /** Empty without simulcast. */
  readonly rid: string;
  readonly wanted: boolean;
}

/** Between attempts: a negotiation that is under way ends soon. */
const RETRY_MS: readonly number[] = [50, 200, 1_000];

export class ActiveEncodings {
  #uses: readonly EncodingUse[] = [];
  #dirty = false;
  #running = false;

  constructor(private readonly sender: Pick<RTCRtpSender, 'getParameters' | 'setParameters'>, private readonly sleep = sleepMs) {}

  /** From now on these are of use. */
  set(uses: readonly EncodingUse[]): void {
    this.#uses = uses;
    this.#dirty = true;
    if (!this.#running) void this.#run();
  }

  /** Another track takes the sender: everything is of use until the server says otherwise. */
  reset(): void {
    this.set([]);
  }

  async #run(): Promise<void> {
    this.#running = true;
    let failures = 0;
    while (this.#dirty) {
      this.#dirty = false;
      try {
        await this.#apply();
        failures = 0;
      } catch {
        // Stopped, or in the middle of something: tried again, and given up in the end. An encoding too many costs work, not the call.
        const wait = RETRY_MS[failures];
        failures += 1;
        if (wait === undefined) {
          // A wish that came meanwhile has the same chances anew.
          failures = 0;
          continue;
        }
        this.#dirty = true;
        await this.sleep(wait);
      }
    }
    this.#running = false;
  }

  async #apply(): Promise<void> {
    // Read and written in one task: parameters of an earlier one are refused.
    const parameters = this.sender.getParameters();
    let changed = false;
    for (const [i, encoding] of (parameters.encodings ?? []).entries()) {
      const use = encoding.rid === undefined ? this.#uses[i] : this.#uses.find((one) => one.rid === encoding.rid);
      const active = use?.wanted ?? true;
      changed ||= (encoding.active ?? true) !== active;
      encoding.active = active;
    }
    if (changed) await this.sender.setParameters(parameters);
  }
}

function sleepMs(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
