/** Settings that change what browsers meet: both engines must get on with each. */
import { expectCall } from '../lib/matrix.js';

export const name = 'Other settings';

const SETTINGS = {
  'all workers on one port, and DTLS 1.3': { MEDIA__SINGLE_PORT: 'true', MEDIA__DTLS: 'prefer-1.3' },
  'full ICE, and a page by TLS': { MEDIA__ICE: 'full', HTTP__DEV_TLS: 'true' },
};

export async function scene(stage) {
  for (const [what, settings] of Object.entries(SETTINGS)) {
    await stage.step(`a call with ${what}`, async () => {
      await stage.ownServer(settings);
      const people = [await stage.person(), await stage.person({ kind: 'firefox' })];
      stage.say(await expectCall(people));
      for (const person of people) {
        const transport = (await person.page.evaluate(() => window.lab.stats())).find((entry) => entry.type === 'transport');
        stage.say(`${person.name}: DTLS ${transport.tlsVersion}, SRTP ${transport.srtpCipher}`);
        const wanted = settings.MEDIA__DTLS ? 'FEFC' : 'FEFD';
        if (transport.tlsVersion !== wanted) throw new Error(`DTLS of ${person.name} is ${transport.tlsVersion} in place of ${wanted}`);
      }
      for (const person of people) await stage.gone(person);
    });
  }
}
