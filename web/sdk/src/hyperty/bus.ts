/**
 * The bus of a runtime: what is for somebody here goes to whoever listens, everything else to whoever knows the way out. Each message is
 * copied, so that nobody changes what another has; and handed on in a task of its own, so that nobody is called from within his own call.
 */
import { type Body, type Listener, type Message, answerTo, codeOf } from './message.js';

/** Answers that are waited for at most, of all who ask. */
const MOST_ASKED = 4_096;
/** How long an answer may take. */
export const ANSWER_MS = 15_000;

/** Where an object tells all who observe it what happens. */
const PUBLISHED = /^(?!runtime:).*\/(?:changes|children\/?)$/;

/** Takes what nobody here listens to. */
export type WayOut = (message: Message) => void;

interface Asked {
  readonly answered: (answer: Message) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class MessageBus {
  private readonly listeners = new Map<string, Set<(message: Message) => void>>();
  private readonly asked = new Map<string, Asked>();
  private wayOut: WayOut = (message) => { this.refuse(message, 404, 'nobody here has this address'); };
  private ids = 0;

  /** Where messages for others go. */
  set out(wayOut: WayOut) {
    this.wayOut = wayOut;
  }

  /** Hears what is sent to an address. */
  listen(address: string, listener: (message: Message) => void): Listener {
    const all = this.listeners.get(address) ?? new Set();
    this.listeners.set(address, all.add(listener));
    return {
      remove: () => {
        all.delete(listener);
        if (all.size === 0) this.listeners.delete(address);
      },
    };
  }

  /** Whether somebody here listens to an address. */
  has(address: string): boolean {
    return this.listeners.has(address);
  }

  /** Sends a message from here, and gives it an id if it has none. Its final answer goes to `answered`: 408 where none comes in time. */
  post(message: Message, answered?: (answer: Message) => void): number | string {
    const copy = structuredClone(message);
    copy.id ??= this.nextId();
    if (answered) this.expect(copy, answered);
    for (const to of Array.isArray(copy.to) ? copy.to : [copy.to]) {
      const one = { ...copy, to };
      // What is published is for all who listen, here and elsewhere.
      if (!this.deliver(one) || PUBLISHED.test(to)) queueMicrotask(() => { this.wayOut(one); });
    }
    return copy.id;
  }

  /** Sends a request; resolves with the final answer, whatever its code. */
  ask(message: Message): Promise<Message> {
    return new Promise((resolve) => { this.post(message, (answer) => { if (codeOf(answer) >= 200) resolve(answer); }); });
  }

  /** A message from elsewhere: it is heard here or nowhere, and never goes out again. Whether anybody heard it. */
  take(message: Message): boolean {
    let isHeard = false;
    for (const to of Array.isArray(message.to) ? message.to : [message.to]) isHeard = this.deliver({ ...structuredClone(message), to }) || isHeard;
    return isHeard;
  }

  /** Tells the sender of a request why there is nothing of it. */
  refuse(message: Message, code: number, desc: string): void {
    if (message.id === undefined || message.type === 'response') return;
    const body: Body = { code, desc };
    this.take(answerTo(message, body));
  }

  /** An id that no other message of this runtime has. */
  nextId(): number {
    this.ids += 1;
    return this.ids;
  }

  /** Forgets everybody. */
  close(): void {
    for (const { timer } of this.asked.values()) clearTimeout(timer);
    this.asked.clear();
    this.listeners.clear();
  }

  private deliver(message: Message & { readonly to: string }): boolean {
    if (message.type === 'response') {
      const key = keyOf(message.to, message.id);
      const asked = this.asked.get(key);
      if (asked) {
        if (codeOf(message) >= 200) {
          clearTimeout(asked.timer);
          this.asked.delete(key);
        }
        queueMicrotask(() => { asked.answered(message); });
        return true;
      }
    }
    const listeners = this.listeners.get(message.to);
    if (!listeners) return false;
    for (const listener of listeners) {
      const copy = structuredClone(message);
      queueMicrotask(() => { listener(copy); });
    }
    return true;
  }

  private expect(message: Message, answered: (answer: Message) => void): void {
    const late = (code: number, desc: string): void => { queueMicrotask(() => { answered(answerTo(message, { code, desc })); }); };
    if (this.asked.size >= MOST_ASKED) {
      late(503, 'too many answers are waited for');
      return;
    }
    const key = keyOf(message.from, message.id);
    const timer = setTimeout(() => {
      this.asked.delete(key);
      late(408, 'no answer came in time');
    }, ANSWER_MS);
    // A process that has nothing else to do need not wait for it.
    if (typeof timer === 'object') (timer as { unref?: () => void }).unref?.();
    this.asked.set(key, { answered, timer });
  }
}

/** Ids are unique for each sender only. */
function keyOf(asker: string, id: unknown): string {
  return `${asker} ${String(id)}`;
}
