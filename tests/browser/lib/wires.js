/** Wires between a page and the server that a test can cut. */
import dgram from 'node:dgram';
import net from 'node:net';

/** Carries TCP, so the page and its WebSocket. Media goes its own way. */
export class Cable {
  #sockets = new Set();
  #server;
  #plugged = true;

  constructor(server, listener) {
    this.#server = listener;
    this.url = `http://127.0.0.1:${listener.address().port}`;
    listener.on('connection', (near) => {
      if (!this.#plugged) return void near.destroy();
      const far = net.connect(server.port, '127.0.0.1');
      for (const [one, other] of [[near, far], [far, near]]) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => undefined).on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  static async lay(server) {
    const listener = net.createServer();
    await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return new Cable(server, listener);
  }

  /** Ends all connections at once; while unplugged, new ones end too. */
  unplug() {
    this.#plugged = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  plug() {
    this.#plugged = true;
  }

  close() {
    this.unplug();
    this.#server.close();
  }
}

/**
 * Carries UDP to each of the server's media ports, as a home router does. `rebind` gives it a new address towards the server,
 * which is what a router does when it forgets, or a phone when it changes networks.
 */
export class Router {
  #lines = [];
  carried = 0;

  /** @param {{ mediaPort: number, workers: number }} server */
  static async build(server, host) {
    const router = new Router();
    for (let n = 0; n < server.workers; n++) await router.#line(host, server.mediaPort + n);
    return router;
  }

  /** The outside ports of now, towards the server. */
  get outside() {
    return this.#lines.map((line) => line.outside.address().port);
  }

  /** A script for the page: all that it knows of the server is us. */
  get script() {
    const ports = Object.fromEntries(this.#lines.map((line) => [line.target, line.inside.address().port]));
    return onlyCandidates({ protocol: 'udp', host: this.#lines[0].host, ports });
  }

  async rebind() {
    for (const line of this.#lines) {
      line.outside.close();
      line.outside = await this.#socket(line.host, (packet) => {
        if (line.client) line.inside.send(packet, line.client.port, line.client.address);
      });
    }
    this.carried = 0;
  }

  close() {
    for (const { inside, outside } of this.#lines) {
      inside.close();
      outside.close();
    }
  }

  async #line(host, target) {
    const line = { host, target, client: null };
    line.inside = await this.#socket(host, (packet, from) => {
      line.client = from;
      this.carried += 1;
      line.outside.send(packet, target, host);
    });
    this.#lines.push(line);
    line.outside = await this.#socket(host, (packet) => {
      if (line.client) line.inside.send(packet, line.client.port, line.client.address);
    });
  }

  #socket(host, receive) {
    const socket = dgram.createSocket('udp4', receive).on('error', () => undefined);
    return new Promise((resolve) => socket.bind(0, host, () => resolve(socket)));
  }
}

/**
 * A script for the page: of the server's candidates it knows only those that fit, as behind a firewall.
 * @param {{ protocol?: 'udp' | 'tcp', family?: 4 | 6, host?: string, ports?: Record<number, number> }} fit `ports` also
 *   gives each its replacement.
 */
export function onlyCandidates(fit) {
  return `(${rewriteAnswers})(${JSON.stringify(fit)});`;
}

/** Runs in the page. */
function rewriteAnswers({ protocol, family, host, ports }) {
  const original = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function setRemoteDescription(description) {
    const lines = description.sdp.split('\r\n').flatMap((line) => {
      if (!line.startsWith('a=candidate:')) return [line];
      const part = line.split(' ');
      const [, , itsProtocol, , itsHost, itsPort] = part;
      const fits = (protocol === undefined || itsProtocol.toLowerCase() === protocol)
        && (family === undefined || itsHost.includes(':') === (family === 6))
        && (host === undefined || itsHost === host)
        && (ports === undefined || itsPort in ports);
      if (ports !== undefined) part[5] = ports[itsPort];
      return fits ? [part.join(' ')] : [];
    });
    return original.call(this, { type: description.type, sdp: lines.join('\r\n') });
  };
}
