/**
 * The SDK as a hyperty runtime: pages and a process of Node, in the domains of two servers, load stubs, hyperties and code of strangers from each
 * other's catalogues, write to each other, and call each other.
 */
import { createHash } from 'node:crypto';
import http from 'node:http';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeRuntime } from '../../../web/sdk/dist/hyperty/node.js';
import { Server } from '../lib/server.js';
import { until } from '../lib/until.js';

export const name = 'Hyperty runtimes';

const SDK = fileURLToPath(new URL('../../../web/sdk/dist/', import.meta.url));
const CSP_A = 'localhost';
const CSP_B = 'csp-b.test';

export async function scene(stage) {
  const home = await stage.ownServer({});
  const folder = mkdtempSync(join(tmpdir(), 'colloquy-catalogue-'));
  stage.onClose(() => rmSync(folder, { recursive: true }));
  put(folder, 'hyperty', 'Prober', PROBER);
  const away = await Server.start(`${stage.room}-b`, (port) => ({
    RETHINK__DOMAIN: CSP_B, RETHINK__CATALOGUE__FOLDER: folder, RETHINK__CATALOGUE__NODE_URL: `ws://127.0.0.1:${port}/ws`,
  }));
  stage.onClose(() => away.stop());
  const catalogues = { [CSP_A]: home.url, [CSP_B]: away.url };

  const page = await site(stage);
  const anne = await withRuntime(await stage.stranger({ granted: true }), page, CSP_A, catalogues);
  const ben = await withRuntime(await stage.stranger({ kind: 'firefox', granted: true }), page, CSP_B, catalogues);
  const node = nodeRuntime({ domain: CSP_B, catalogueAt: (domain) => catalogues[domain] });
  stage.onClose(() => node.close());

  await stage.step('a page and a process of another provider write to each other', async () => {
    const chats = await node.load(hyperty(CSP_B, 'GroupChatManager'), { inPage: true });
    const heard = [];
    chats.instance.onInvitation(async ({ url }) => {
      const chat = await chats.instance.join(url);
      chat.onMessage(({ text }) => {
        heard.push(text);
        void chat.send(`${text} yourself`);
      });
    });
    const answer = await anne.page.evaluate(async ({ url, user, domain }) => {
      const chats = await window.runtime.load(url, { inPage: true });
      const chat = await chats.instance.create('a word', [{ user, domain }]);
      const answered = new Promise((resolve) => { chat.onMessage(({ text }) => resolve(text)); });
      const nowhere = await chat.invited;
      if (nowhere.length > 0) throw new Error(`${nowhere} is nowhere`);
      for (let tries = 0; Object.keys(chat.participants).length < 2; tries++) {
        if (tries > 200) throw new Error('he did not join');
        await new Promise((resolve) => { setTimeout(resolve, 25); });
      }
      await chat.send('hello');
      return answered;
    }, { url: hyperty(CSP_A, 'GroupChatManager'), user: node.user, domain: CSP_B });
    if (heard[0] !== 'hello' || answer !== 'hello yourself') throw new Error(JSON.stringify({ heard, answer }));
    const ways = await anne.page.evaluate(() => [...window.runtime.connections]);
    stage.say(`the page is connected with ${JSON.stringify(ways)}, the process with ${JSON.stringify([...node.connections])}`);
    if (ways.some(([, status]) => status !== 'live')) throw new Error('not live');
  });

  for (const person of [anne, ben]) {
    await stage.step(`in ${person.kind}, code of another provider has nothing of the page`, async () => {
      const found = await person.page.evaluate(async ({ url, own }) => {
        document.cookie = 'secret=1';
        const prober = await window.runtime.load(url);
        const asker = await window.runtime.host('Asker', { schemas: [], resources: [] }, (url, bus) => (to) =>
          new Promise((resolve) => { bus.postMessage({ type: 'execute', from: url, to, body: {} }, ({ body }) => resolve(body)); }));
        const told = await asker.instance(prober.url);
        const refused = own ? undefined : await window.runtime.load(url, { inPage: true }).then(() => 'loaded', (error) => error.message);
        await prober.end();
        return { told, refused };
      }, { url: hyperty(CSP_B, 'Prober'), own: person === ben });
      stage.say(JSON.stringify(found));
      const { origin, cookie, page, database, storage } = found.told.value;
      if (origin !== 'null' || cookie !== 'none' || page !== 'none' || database !== 'refused' || storage !== 'none') throw new Error('it is not on its own');
      if (person === anne && !/runs in a sandbox/.test(found.refused)) throw new Error('code of another provider was let into the page');
    });
  }

  await stage.step('people of two providers call each other, and see each other move', async () => {
    await ben.page.evaluate(listen, hyperty(CSP_B, 'Connector'));
    const user = await ben.page.evaluate(() => window.runtime.user);
    await anne.page.evaluate(call, { url: hyperty(CSP_A, 'Connector'), user, domain: CSP_B });
    for (const [one, other] of [[anne, ben], [ben, anne]]) {
      await until(`${one.kind} sees the other move`, async () => {
        const seen = async () => (await one.page.evaluate(() => window.lab.see())).find(({ index }) => index !== null);
        const picture = await seen();
        return picture?.index === other.index && picture.advanced > 0;
      });
    }
    await anne.page.evaluate(() => { window.ongoing.disconnect(); });
    await until('he hears that it is over', () => ben.page.evaluate(() => window.ended === 'gone'));
  });
}

const hyperty = (domain, name) => `hyperty-catalogue://catalogue.${domain}/.well-known/hyperty/${name}`;

/** Tells what it finds of where it runs. */
const PROBER = `var activate = { default: (url, bus) => {
  const attempt = (act) => { try { return act(); } catch (error) { return 'refused'; } };
  bus.addListener(url, (message) => {
    const value = {
      origin: self.origin,
      cookie: typeof document === 'undefined' ? 'none' : document.cookie,
      page: typeof window === 'undefined' ? 'none' : 'there',
      database: attempt(() => { indexedDB.open('x'); return 'open'; }),
      storage: typeof localStorage === 'undefined' ? 'none' : 'there',
    };
    bus.postMessage({ id: message.id, type: 'response', from: url, to: message.from, body: { code: 200, value } });
  });
  return { name: 'Prober', instance: {} };
} };`;

function put(folder, kind, name, code) {
  const at = join(folder, kind, name);
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'description.json'), JSON.stringify({ version: '1', objectName: name, description: 'of a test', language: 'javascript', hypertyType: ['test'], dataObjects: [] }));
  writeFileSync(join(at, 'sourcePackage.json'), JSON.stringify({ sourceCodeClassname: name, encoding: 'UTF-8', md5: createHash('md5').update(code).digest('hex') }));
  writeFileSync(join(at, 'sourceCode.js'), code);
}

/** The site of somebody who uses the SDK: a page, and the SDK's files. It has to be real: Chromium keeps made-up ones from this machine's addresses. */
async function site(stage) {
  const server = http.createServer((request, response) => {
    const path = new URL(request.url, 'http://site').pathname;
    const isModule = /^\/sdk\/[\w/-]+\.js$/.test(path);
    response.setHeader('content-type', isModule ? 'text/javascript' : 'text/html');
    response.end(isModule ? readFileSync(join(SDK, path.replace('/sdk/', ''))) : '<!doctype html><title>site</title>');
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  stage.onClose(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

async function withRuntime(person, page, domain, catalogues) {
  await person.page.goto(page);
  await person.page.evaluate(async ({ domain, catalogues }) => {
    const { browserRuntime } = await import('/sdk/hyperty/index.js');
    window.runtime = browserRuntime({ domain, catalogueAt: (of) => catalogues[of], onStatus: (...told) => console.info('runtime', ...told) });
  }, { domain, catalogues });
  return person;
}

/** In the page: takes the next call. */
async function listen(url) {
  const connector = await window.runtime.load(url, { inPage: true });
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  connector.instance.onInvitation((call) => {
    call.onAddStream((stream) => {
      const video = Object.assign(document.createElement('video'), { autoplay: true, muted: true, srcObject: stream });
      document.body.append(video);
    });
    call.onDisconnect((why) => { window.ended = why; });
    void call.accept(stream);
  });
}

/** In the page: calls somebody. */
async function call({ url, user, domain }) {
  const connector = await window.runtime.load(url, { inPage: true });
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  window.ongoing = await connector.instance.connect(user, stream, 'call', domain);
  window.ongoing.onAddStream((stream) => {
    const video = Object.assign(document.createElement('video'), { autoplay: true, muted: true, srcObject: stream });
    document.body.append(video);
  });
}
