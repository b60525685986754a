/** Data channels: from one browser to all others, or to some. */
export const name = 'Data channels';

export async function scene(stage) {
  const query = '?data=1';
  const anne = await stage.person({ query });
  const ben = await stage.person({ kind: 'firefox', query });
  // Being in the room is not being connected: she opens her channel long before her connection is up.
  const clara = await stage.visitor({ query });
  await clara.page.evaluate(answerLate, 1_000);
  await clara.join(stage.room);
  const people = [anne, ben, clara];
  for (const person of people) await person.page.evaluate(listen);

  await stage.step('everybody opens a channel, connected or not yet', async () => {
    await Promise.all(people.map((person) => person.page.evaluate(open, { label: 'chat', options: {} })));
  });

  await stage.step('what each says is heard by all others, with its sender, in order', async () => {
    for (const person of people) await person.page.evaluate(say, { label: 'chat', texts: Array.from({ length: 50 }, (_, i) => `${person.id} ${i}`) });
    for (const person of people) {
      const expected = people.filter((one) => one !== person).flatMap(({ id }) => Array.from({ length: 50 }, (_, i) => `chat ${id}: ${id} ${i}`));
      await person.until('all words of all others', (words) => words.every((word) => window.labHeard.includes(word)), expected);
      const heard = await person.page.evaluate(() => window.labHeard);
      if (heard.length !== expected.length) throw new Error(`${person.name} heard ${heard.length} words in place of ${expected.length}`);
      for (const { id } of people) {
        const his = heard.filter((word) => word.startsWith(`chat ${id}:`)).map((word) => Number(word.split(' ').at(-1)));
        if (his.some((n, i) => n !== i)) throw new Error(`${person.name} heard ${id} out of order: ${his.join()}`);
      }
    }
  });

  await stage.step('what is said to one is heard by that one alone', async () => {
    await anne.page.evaluate(open, { label: 'whisper', options: { to: [clara.id], ordered: false, maxRetransmits: 0 } });
    await anne.page.evaluate(say, { label: 'whisper', texts: ['psst'] });
    await clara.until('the whisper', (word) => window.labHeard.includes(word), `whisper ${anne.id}: psst`);
    // A word to all, sent after it, has come: the whisper would have, too.
    await anne.page.evaluate(say, { label: 'chat', texts: ['now'] });
    await ben.until('the loud word', (word) => window.labHeard.includes(word), `chat ${anne.id}: now`);
    if ((await ben.page.evaluate(() => window.labHeard)).some((word) => word.startsWith('whisper'))) throw new Error('Ben heard what was for Clara');
  });

  await stage.step('bytes come as bytes, and who leaves ends his channels', async () => {
    await ben.page.evaluate(open, { label: 'bytes', options: {} });
    await ben.page.evaluate(say, { label: 'bytes', texts: [], bytes: 20_000 });
    await anne.until('the bytes', (word) => window.labHeard.includes(word), `bytes ${ben.id}: 20000 bytes`);
    await ben.leave();
    await anne.until('the end of them', (id) => window.labEnded.includes(`bytes ${id}`), ben.id);
  });
}

/** Runs in the page: writes down what others say. */
function listen() {
  window.labHeard = [];
  window.labEnded = [];
  window.colloquy.room.on('data', ({ from, label, channel }) => {
    channel.binaryType = 'arraybuffer';
    channel.onmessage = ({ data }) => window.labHeard.push(`${label} ${from}: ${typeof data === 'string' ? data : `${data.byteLength} bytes`}`);
    channel.onclose = () => window.labEnded.push(`${label} ${from}`);
  });
}

/** Runs in the page. */
async function open({ label, options }) {
  window.labOpen ??= {};
  window.labOpen[label] = await window.colloquy.room.openData(label, options);
}

/** Runs in the page. */
function say({ label, texts, bytes = 0 }) {
  const channel = window.labOpen[label];
  for (const text of texts) channel.send(text);
  if (bytes > 0) channel.send(new Uint8Array(bytes));
}

/** Runs in the page: the answers of the server take so much longer. */
function answerLate(ms) {
  const { prototype } = RTCPeerConnection;
  const { setRemoteDescription } = prototype;
  prototype.setRemoteDescription = async function (description) {
    await new Promise((resolve) => { setTimeout(resolve, ms); });
    return await setRemoteDescription.call(this, description);
  };
}
