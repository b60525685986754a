/** A bus as a sandbox has it: what is posted goes to the runtime, what the runtime hands in goes to listeners. */
import type { Bus, Listener, Message } from '../src/api.js';

export class FakeBus implements Bus {
  /** What was posted, oldest first. */
  readonly posted: Message[] = [];
  private readonly listeners = new Map<string, Set<(message: Message) => void>>();
  private readonly answers = new Map<string, (answer: Message) => void>();
  private waiters: { readonly wanted: (message: Message) => boolean; readonly found: (message: Message) => void }[] = [];
  private ids = 0;

  addListener(address: string, listener: (message: Message) => void): Listener {
    const all = this.listeners.get(address) ?? new Set();
    this.listeners.set(address, all.add(listener));
    return { remove: () => { all.delete(listener); } };
  }

  postMessage(message: Message, answered?: (answer: Message) => void): unknown {
    message.id ??= ++this.ids;
    if (answered) this.answers.set(`${message.from} ${message.id}`, answered);
    this.posted.push(message);
    for (const waiter of this.waiters.filter(({ wanted }) => wanted(message))) {
      this.waiters = this.waiters.filter((one) => one !== waiter);
      waiter.found(message);
    }
    return message.id;
  }

  /** A message from the runtime. */
  hand(message: Message): void {
    const answered = message.type === 'response' && this.answers.get(`${String(message.to)} ${message.id}`);
    if (answered) {
      answered(message);
      return;
    }
    const own = typeof message.to === 'string' ? this.listeners.get(message.to) : undefined;
    for (const listener of own ?? this.listeners.get('*') ?? []) listener(message);
  }

  /** A message that was or will be posted; each is found once. */
  async find(wanted: (message: Message) => boolean, ms = 5_000): Promise<Message> {
    const at = this.posted.findIndex(wanted);
    if (at >= 0) return this.posted.splice(at, 1)[0]!;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => { reject(new Error(`nothing of the kind was posted: ${JSON.stringify(this.posted)}`)); }, ms);
      this.waiters.push({
        wanted,
        found: (message) => {
          clearTimeout(timer);
          this.posted.splice(this.posted.indexOf(message), 1);
          resolve(message);
        },
      });
    });
  }
}
