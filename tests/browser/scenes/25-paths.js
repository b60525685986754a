/** The ways by which media reaches the server, one for each person. */
import { networkInterfaces } from 'node:os';
import { expectCall } from '../lib/matrix.js';
import { onlyCandidates } from '../lib/wires.js';

export const name = 'Paths';

export async function scene(stage) {
  const addresses = Object.values(networkInterfaces()).flat().filter((address) => !address.internal);
  const has6 = addresses.some(({ address, family }) => family === 'IPv6' && !address.startsWith('fe80'));
  if (!has6) stage.say('this machine has no IPv6 address: that path is not played');

  await stage.step('people whose networks let UDP, TCP or IPv6 alone through are in one call', async () => {
    const ways = [
      [await stage.person({ script: onlyCandidates({ protocol: 'udp', family: 4 }) }), 'udp', 4],
      [await stage.person({ script: onlyCandidates({ protocol: 'tcp' }) }), 'tcp', null],
      ...(has6 ? [[await stage.person({ script: onlyCandidates({ protocol: 'udp', family: 6 }) }), 'udp', 6]] : []),
    ];
    stage.say(await expectCall(ways.map(([person]) => person)));
    for (const [person, protocol, family] of ways) {
      const { address, protocol: used } = await person.page.evaluate(remoteCandidate);
      stage.say(`${person.name}: ${used} to ${address}`);
      if (used !== protocol || (family !== null && address.includes(':') !== (family === 6))) throw new Error(`${person.name} was to take another path`);
    }
  });
}

/** Runs in the page: the server's end of the path in use. */
async function remoteCandidate() {
  const stats = await window.lab.stats();
  const { selectedCandidatePairId } = stats.find((entry) => entry.type === 'transport');
  const pair = stats.find((entry) => entry.id === selectedCandidatePairId);
  return stats.find((entry) => entry.id === pair.remoteCandidateId);
}
