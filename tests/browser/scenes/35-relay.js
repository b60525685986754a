/** Media through the TURN server inside, and through nothing else. */
import { expectCall } from '../lib/matrix.js';
import { freePort } from '../lib/ports.js';

export const name = 'Relay only';

const WAYS = { udp: { TURN__TCP: 'false' }, tcp: { TURN__UDP: 'false' } };

export async function scene(stage) {
  // A page on loopback has no relay unless it is asked for.
  for (const [protocol, settings] of Object.entries(WAYS)) {
    await stage.step(`both engines in one call through the relay alone, which is reached by ${protocol}`, async () => {
      await stage.ownServer({ TURN__ENABLED: 'always', TURN__PORT: String(await freePort()), ...settings });
      const people = [await stage.person({ query: '?relay=1' }), await stage.person({ kind: 'firefox', query: '?relay=1' })];
      stage.say(await expectCall(people));
      for (const person of people) {
        const { candidateType, relayProtocol, address } = await person.page.evaluate(ownCandidate);
        stage.say(`${person.name}: ${candidateType} ${address} by ${relayProtocol ?? 'a protocol that is not told'}`);
        if (candidateType !== 'relay') throw new Error(`${person.name} was to use the relay, and uses ${candidateType}`);
        if (relayProtocol !== undefined && relayProtocol !== protocol) throw new Error(`${person.name} reached the relay by ${relayProtocol}`);
      }
      for (const person of people) await stage.gone(person);
    });
  }
}

/** Runs in the page: its own end of the path in use. */
async function ownCandidate() {
  const stats = await window.lab.stats();
  const transport = stats.find((entry) => entry.type === 'transport');
  // Firefox names the pair in use by a mark on it.
  const pair = stats.find((entry) => entry.id === transport?.selectedCandidatePairId) ?? stats.find((entry) => entry.type === 'candidate-pair' && entry.selected);
  return stats.find((entry) => entry.id === pair.localCandidateId);
}
