/** Sandboxes of browsers: workers of an origin of their own, which have no cookies, storage or pages of ours. */
import { inside } from './inside.js';
import type { Wire } from './sandbox.js';

/** A worker made of a `data:` address has an opaque origin (HTML, 10.2.4). A page's policy has to allow it: `worker-src data:`. */
export function workerSandbox(): Wire {
  const script = `const take = (${inside.toString()})({
    send: (words) => postMessage(words),
    evaluate: (code) => { (0, eval)(code); return self.activate; },
  });
  onmessage = ({ data }) => take(data);`;
  const worker = new Worker(`data:text/javascript;charset=utf-8,${encodeURIComponent(script)}`);
  const wire: Wire = {
    send: (words) => { worker.postMessage(words); },
    end: () => { worker.terminate(); },
    onwords: () => {},
    onend: () => {},
  };
  worker.onmessage = ({ data }: MessageEvent<unknown>) => { wire.onwords(data); };
  worker.onerror = (event) => {
    event.preventDefault();
    wire.onend(event.message || 'the browser made no worker: does the policy of the page allow `worker-src data:`?');
  };
  return wire;
}
