/** Somebody far away loses one packet of ten: repair packets (FlexFEC) spare him the wait for some of them. */
import { Impairment } from '../lib/impair.js';
import { DEADLINE_MS, until } from '../lib/until.js';
import { seesAtWidth } from '../lib/video.js';

export const name = 'Repair packets';

const LOSS = 0.1;
/** Each way: too far for what is sent again to come in time. */
const DELAY_MS = 100;

/** Chromium sends repair packets only when it is told to, and only of a stream that is alone in its section. */
const TRIALS = 'WebRTC-FlexFEC-03-Advertised/Enabled/WebRTC-FlexFEC-03/Enabled/';

/** What Chromium tells of repairs, over all the video that it receives. */
function repaired(person) {
  return person.page.evaluate(async () => {
    const inbound = (await window.lab.stats()).filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
    const sum = (field) => inbound.reduce((total, entry) => total + (entry[field] ?? 0), 0);
    return { repairs: sum('fecPacketsReceived'), sentAgain: sum('retransmittedPacketsReceived'), packets: sum('packetsReceived'), lost: sum('packetsLost') };
  });
}

export async function scene(stage) {
  const anne = await stage.person({ busy: true });
  const path = await Impairment.start(stage);
  await path.set({ up: { delay_ms: DELAY_MS }, down: { delay_ms: DELAY_MS } });
  const ben = await stage.person({ devices: 'none', script: path.script });

  await stage.step('Chromium far away behind loss is sent repair packets, and takes them', async () => {
    await seesAtWidth(ben, anne, (width) => width === 640, 'at full width');
    if ((await repaired(ben)).repairs > 0) throw new Error('repair packets came before anything was lost');
    await path.set({ down: { loss: LOSS, delay_ms: DELAY_MS } });
    let last = null;
    await until(() => `${ben.name} gets repair packets: ${JSON.stringify(last)}`, async () => {
      last = await repaired(ben);
      return last.repairs > 50;
    });
    stage.say(JSON.stringify(last));
    const { participants } = await (await fetch(`${stage.server.url}/api/v1/rooms/${stage.room}/stats`)).json();
    const sent = participants.find(({ participant }) => participant === ben.id).send.reduce((sum, { repairs }) => sum + repairs, 0);
    if (sent < last.repairs) throw new Error(`${ben.name} got ${last.repairs} of ${sent}`);
  });

  for (const person of [anne, ben]) await stage.gone(person);

  await stage.step('repair packets of Chromium make whole what was lost on its way to the server', async () => {
    const way = await Impairment.start(stage);
    await way.set({ up: { delay_ms: DELAY_MS }, down: { delay_ms: DELAY_MS } });
    const clara = await stage.person({ busy: true, script: way.script, trials: TRIALS, query: '?codec=vp9' });
    const david = await stage.person({ devices: 'none' });
    await seesAtWidth(david, clara, (width) => width > 0, 'at all');
    await way.set({ up: { loss: LOSS, delay_ms: DELAY_MS } });
    let last = null;
    await until(() => `packets of ${clara.name} are made again: ${JSON.stringify(last)}`, async () => {
      const { participants } = await (await fetch(`${stage.server.url}/api/v1/rooms/${stage.room}/stats`)).json();
      last = participants.find(({ participant }) => participant === clara.id)?.receive.find(({ codec }) => codec === 'VP9');
      return (last?.recovered ?? 0) > 10;
      // Chromium spends little on them while its own estimate is low, and asks nobody.
    }, { deadlineMs: 2 * DEADLINE_MS });
    stage.say(JSON.stringify(last));
    for (const person of [clara, david]) await stage.gone(person);
  });
}
