/** Free ports. Another program may take one between asking and using; a server that cannot start says so. */
import dgram from 'node:dgram';
import net from 'node:net';

/** One free TCP port on loopback. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** The first of `count` neighbouring ports that are free for both UDP and TCP, as the media workers want them. */
export async function freeRange(count) {
  for (let attempt = 0; attempt < 50; attempt++) {
    // Below the range from which the system gives ports to those who do not care: browsers take many of those.
    const first = 20_000 + Math.floor(Math.random() * 6_000) * 2;
    const free = await Promise.all(Array.from({ length: count }, (_, n) => isFree(first + n)));
    if (free.every(Boolean)) return first;
  }
  throw new Error('no free range of ports was found');
}

async function isFree(port) {
  const udp = await new Promise((resolve) => {
    const socket = dgram.createSocket('udp4').once('error', () => resolve(false));
    socket.bind(port, '0.0.0.0', () => socket.close(() => resolve(true)));
  });
  const tcp = await new Promise((resolve) => {
    const server = net.createServer().once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
  return udp && tcp;
}
