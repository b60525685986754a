/** What runs within a sandbox, beside the code for which it is there. */

/** The other end of the wire. */
export interface Inner {
  send(words: unknown): void;
  /** Evaluates a script in the global scope, and gives the value of its global `activate`. */
  evaluate(code: string): unknown;
}

/**
 * Makes the sandbox's end; gives what is to be called with each word that comes in. Its text is sent to where it runs, so it uses nothing
 * from outside itself.
 */
export function inside(inner: Inner): (words: unknown) => void {
  interface Said { id?: unknown; type?: unknown; from?: unknown; to?: unknown; body?: { code?: unknown } }
  type Hear = (message: unknown) => void;
  const listeners = new Map<string, Set<Hear>>();
  const asked = new Map<string, Hear>();
  let ids = 0;
  const bus = {
    addListener(address: string, listener: Hear) {
      const all = listeners.get(address) ?? new Set<Hear>();
      listeners.set(address, all.add(listener));
      if (all.size === 1 && address !== '*') inner.send({ do: 'listen', address });
      return {
        remove() {
          if (all.delete(listener) && all.size === 0) {
            listeners.delete(address);
            inner.send({ do: 'forget', address });
          }
        },
      };
    },
    removeListener(address: string, listener: Hear) { listeners.get(address)?.delete(listener); },
    postMessage(message: Said, answered?: Hear) {
      message.id ??= ++ids;
      if (answered) asked.set(`${String(message.from)} ${String(message.id)}`, answered);
      inner.send({ do: 'message', message });
      return message.id;
    },
  };
  const take = (message: Said): void => {
    if (message.type === 'response') {
      const key = `${String(message.to)} ${String(message.id)}`;
      const answered = asked.get(key);
      if (answered) {
        const code = message.body?.code;
        if (typeof code !== 'number' || code >= 200) asked.delete(key);
        answered(message);
        return;
      }
    }
    const own = listeners.get(String(message.to)) ?? listeners.get('*');
    for (const listener of [...(own ?? [])]) listener(message);
  };
  return (words) => {
    const said = words as { do?: unknown; url?: unknown; code?: unknown; configuration?: unknown; message?: unknown };
    if (said.do === 'message') take(said.message as Said);
    if (said.do !== 'start') return;
    try {
      const activate = inner.evaluate(String(said.code)) as { default?: unknown } | undefined;
      const make = typeof activate === 'function' ? activate : activate?.default;
      if (typeof make !== 'function') throw new Error('the code leaves no function `activate`');
      (make as (...of: unknown[]) => unknown)(said.url, bus, said.configuration);
      inner.send({ do: 'started' });
    } catch (error) {
      inner.send({ do: 'failed', why: String(error) });
    }
  };
}
