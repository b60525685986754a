/** Three people, two engines, one call, and everything that changes who hears and sees whom. */
import { expectCall, expectHearing, expectSeeing } from '../lib/matrix.js';

export const name = 'A call of three';

export async function scene(stage) {
  const anne = await stage.person();
  const ben = await stage.person();
  const clara = await stage.person({ kind: 'firefox' });
  const people = [anne, ben, clara];
  /** Everybody but oneself, and nobody this one. */
  const without = (missing) => (one, other) => one !== other && other !== missing;

  await stage.step('everyone hears and sees everyone else, and nobody themselves', async () => {
    stage.say(await expectCall(people));
  });

  await stage.step('the media is encrypted', async () => {
    for (const person of people) {
      const stats = await person.page.evaluate(() => window.lab.stats());
      const transports = stats.filter((entry) => entry.type === 'transport');
      if (transports.length > 1) throw new Error(`${person.name} has ${transports.length} transports in place of one`);
      const [transport] = transports;
      // Firefox has no such entry before version 124, and no SRTP cipher in it.
      if (transport === undefined) continue;
      if (transport.dtlsState !== 'connected') throw new Error(`DTLS of ${person.name} is ${transport.dtlsState}`);
      const pair = stats.find((entry) => entry.id === transport.selectedCandidatePairId);
      const remote = stats.find((entry) => entry.id === pair?.remoteCandidateId);
      stage.say(`${person.name}: DTLS ${transport.tlsVersion} ${transport.dtlsCipher}, SRTP ${transport.srtpCipher}, by ${remote?.protocol} to ${remote?.address}:${remote?.port}`);
    }
  });

  await stage.step('who mutes himself is not heard, seen as before, and shown as muted', async () => {
    await ben.press('mic-button');
    stage.say(await expectHearing(people, without(ben)));
    await expectSeeing(people);
    for (const person of people) await person.until('Ben is shown as muted', shown, { id: ben.id, muted: true });
  });

  await stage.step('the server keeps him silent even when his page sends on', async () => {
    await ben.room((room) => { room.localTrack('microphone').media.enabled = true; });
    // His packets flow: the silence that follows is the server's.
    const sent = async () => (await ben.page.evaluate(() => window.lab.stats()))
      .find((entry) => entry.type === 'outbound-rtp' && entry.kind === 'audio').bytesSent;
    const before = await sent();
    await ben.page.evaluate(() => window.lab.wait(15));
    if ((await sent()) <= before + 500) throw new Error('Ben sends nothing, so this proves nothing');
    await expectHearing(people, without(ben));
  });

  await stage.step('unmuting restores him', async () => {
    await ben.press('mic-button');
    await expectHearing(people);
    for (const person of people) await person.until('Ben is not shown as muted', shown, { id: ben.id, muted: false });
  });

  await stage.step('a moderator mutes another, who cannot lift it himself', async () => {
    await anne.people();
    await anne.press(`mute-${ben.id}`);
    await expectHearing(people, without(ben));
    await ben.press('mic-button');
    await ben.on('toast').first().waitFor();
    await expectHearing(people, without(ben));
    if (await ben.on(`mute-${clara.id}`).count()) throw new Error('Ben is no moderator, and yet may mute Clara');
    await anne.press(`mute-${ben.id}`);
    await anne.press('participants-button');
    await expectHearing(people);
  });

  await stage.step('a camera goes off and on', async () => {
    await clara.press('camera-button');
    stage.say(await expectSeeing(people, without(clara)));
    await expectHearing(people);
    await clara.press('camera-button');
    await expectSeeing(people);
  });

  await stage.step('a shared screen appears at the others beside the cameras, and ends', async () => {
    await ben.press('share-button');
    stage.say(await expectSeeing(people, (one, other) => one !== other && other === ben, people, 'screen'));
    await expectSeeing(people);
    await ben.press('share-button');
    await expectSeeing(people, () => false, people, 'screen');
    await expectCall(people);
  });

  await stage.step('who leaves is gone, and nobody else', async () => {
    await ben.leave();
    await ben.on('ended-left').waitFor();
    stage.say(await expectHearing([anne, clara], without(ben), people));
    await expectSeeing([anne, clara], without(ben), people);
    for (const person of [anne, clara]) await person.tile(ben).waitFor({ state: 'detached' });
    await ben.press('rejoin-button');
    await ben.inCall();
    await expectCall(people);
  });

  await stage.step('who reloads the page leaves at once and comes back with Join', async () => {
    const old = ben.id;
    await ben.page.reload();
    for (const person of [anne, clara]) await person.on(`tile-${old}`).waitFor({ state: 'detached' });
    await expectHearing([anne, clara], without(ben), people);
    // Name and room are still there.
    await ben.press('join-button');
    await ben.inCall();
    await expectCall(people);
  });

  await stage.step('everyone is shown as connected to everyone, themselves too', async () => {
    for (const person of people) {
      await person.until('all are connected', () => {
        const states = [...window.colloquy.room.participants.values()].map(({ state }) => state);
        return states.length === 3 && states.every((state) => state === 'connected');
      });
    }
  });
}

/** Runs in the page. */
function shown({ id, muted }) {
  return document.querySelector(`[data-testid="tile-${id}"]`)?.dataset.muted === String(muted);
}
