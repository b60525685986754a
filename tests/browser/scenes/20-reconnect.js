/** The socket is cut, the network changes: the call goes on. */
import { networkInterfaces } from 'node:os';
import { expectCall, expectHearing, expectSeeing } from '../lib/matrix.js';

export const name = 'Reconnecting';

export async function scene(stage) {
  const cable = await stage.cable();
  const anne = await stage.person({ url: cable.url });
  const ben = await stage.person();
  const people = [anne, ben];

  await stage.step('a cut socket does not touch the media, and the session resumes as the same person', async () => {
    await expectCall(people);
    const before = anne.id;
    await unbroken(ben, anne, async () => {
      cable.unplug();
      await anne.on('reconnecting').waitFor();
      // Both ways, and while nothing can be signalled.
      stage.say(await expectCall(people));
      cable.plug();
      await anne.on('reconnecting').waitFor({ state: 'detached' });
    });
    await anne.inCall();
    if (anne.id !== before) throw new Error(`Anne was ${before} and is ${anne.id} now`);
    await expectCall(people);
  });

  await stage.step('what happened meanwhile is told after the resumption', async () => {
    cable.unplug();
    await anne.on('reconnecting').waitFor();
    await ben.press('mic-button');
    const clara = await stage.person();
    cable.plug();
    await anne.tile(clara).waitFor();
    const three = [anne, ben, clara];
    stage.say(await expectHearing(three, (one, other) => one !== other && other !== ben));
    await expectSeeing(three);
    await ben.press('mic-button');
    await expectHearing(three);
    await clara.leave();
    await anne.tile(clara).waitFor({ state: 'detached' });
    await stage.gone(clara);
  });

  await stage.step('a socket that is cut in the middle of joining is no harm', async () => {
    const clara = await stage.visitor({ url: cable.url });
    await clara.on('name-input').fill(clara.name);
    await clara.on('room-input').fill(stage.room);
    await clara.press('join-button');
    // Now her first offer is on its way, and its answer will not come.
    await clara.on('call').waitFor();
    cable.unplug();
    await clara.on('reconnecting').waitFor();
    cable.plug();
    await clara.inCall();
    await expectCall([anne, ben, clara]);
    await clara.leave();
    await stage.gone(clara);
    await anne.tile(clara).waitFor({ state: 'detached' });
  });

  await stage.step('ICE restarts without a gap', async () => {
    const ufrag = () => anne.room((room) => /a=ice-ufrag:(\S+)/.exec(room.peerConnection.currentLocalDescription.sdp)[1]);
    const before = await ufrag();
    await unbroken(ben, anne, async () => {
      // What a browser says when the machine changed its network.
      await anne.page.evaluate(() => dispatchEvent(new Event('online')));
      await anne.until('ICE has restarted', (old) => {
        const { currentLocalDescription, iceConnectionState, signalingState } = window.colloquy.room.peerConnection;
        return !currentLocalDescription.sdp.includes(`a=ice-ufrag:${old}\r\n`) && signalingState === 'stable'
          && ['connected', 'completed'].includes(iceConnectionState);
      }, before);
    });
    await expectCall(people);
  });

  const host = Object.values(networkInterfaces()).flat().find((address) => address.family === 'IPv4' && !address.internal)?.address;
  if (host === undefined) stage.say('this machine has no address but loopback: the change of address is not played');
  else await stage.step('the address of the media changes, and the call goes on', async () => {
    const router = await stage.router(host);
    const david = await stage.person({ index: 3, script: router.script });
    const three = [...people, david];
    await expectCall(three);
    const [id, from] = [david.id, router.outside];
    if (router.carried === 0) throw new Error('the media does not go through the router');
    await router.rebind();
    stage.say(`towards the server: ports ${from.join(', ')} became ${router.outside.join(', ')}`);
    stage.say(await expectCall(three));
    if (router.carried === 0) throw new Error('the media does not go through the router any more');
    await david.inCall();
    if (david.id !== id) throw new Error(`David was ${id} and is ${david.id} now`);
  });
}

/** The picture of `sender` at `watcher` moves on through all of `during`: never 20 frames of the watcher without a new one. */
async function unbroken(watcher, sender, during) {
  let over = false;
  const watching = (async () => {
    while (!over) {
      const pictures = await watcher.page.evaluate(() => window.lab.see(20));
      const picture = pictures.find(({ remote, participant, source }) => remote && participant === sender.id && source === 'camera');
      if (!picture?.advanced) return `${watcher.name} saw ${sender.name} ${picture ? 'frozen' : 'no more'}`;
    }
    return null;
  })();
  try {
    await during();
  } finally {
    over = true;
  }
  const gap = await watching;
  if (gap) throw new Error(gap);
}
