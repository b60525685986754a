/** Data channels: from one browser to all others, or to some. */
export const name = 'Data channels';

export async function scene(stage) {
  const query = '?data=1';
  const anne = await stage.person({ query });
  const ben = await stage.person({ kind: 'firefox', query });
  const clara = await stage.person({ query });
  const people = [anne, ben, clara];
  for (const person of people) await person.page.evaluate(listen);

  await stage.step('what each says is heard by all others, with its sender, in order', async () => {
    for (const person of people) await person.page.evaluate(say, { label: 'chat', options: {}, texts: Array.from({ length: 50 }, (_, i) => `${person.id} ${i}`) });
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
    await anne.page.evaluate(say, { label: 'whisper', options: { to: [clara.id], ordered: false, maxRetransmits: 0 }, texts: ['psst'] });
    await clara.until('the whisper', (word) => window.labHeard.includes(word), `whisper ${anne.id}: psst`);
    // A word to all, sent after it, has come: the whisper would have, too.
    await anne.page.evaluate(say, { label: 'loud', options: {}, texts: ['now'] });
    await ben.until('the loud word', (word) => window.labHeard.includes(word), `loud ${anne.id}: now`);
    if ((await ben.page.evaluate(() => window.labHeard)).some((word) => word.startsWith('whisper'))) throw new Error('Ben heard what was for Clara');
  });

  await stage.step('bytes come as bytes, and who leaves ends his channels', async () => {
    await ben.page.evaluate(say, { label: 'bytes', options: {}, texts: [], bytes: 20_000 });
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
async function say({ label, options, texts, bytes = 0 }) {
  const channel = window.colloquy.room.openData(label, options);
  if (channel.readyState !== 'open') await new Promise((resolve) => { channel.onopen = resolve; });
  for (const text of texts) channel.send(text);
  if (bytes > 0) channel.send(new Uint8Array(bytes));
}
