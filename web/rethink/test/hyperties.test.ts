import { createContext, runInContext } from 'node:vm';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Activate } from '../src/api.js';
import { GroupChatManager, type ChatInvitation, type ChatMessage } from '../src/chat/chat.js';
import type { Call, Ending, Peer } from '../src/connector/call.js';
import { Connector } from '../src/connector/connector.js';
import { UserAvailabilityObserver, UserAvailabilityReporter } from '../src/presence/presence.js';
import { CODE, script } from '../script.mjs';
import { FakeRuntime, RUNTIME, until } from './runtime.js';

const [ALICE, BOB, CAROL] = ['hyperty://d.test/alice', 'hyperty://d.test/bob', 'hyperty://d.test/carol'];
const CONFIGURATION = { runtimeURL: RUNTIME };

/** A peer connection that knows what a real one would refuse. */
class FakePeer implements Peer {
  onicecandidate: Peer['onicecandidate'] = null;
  oniceconnectionstatechange: Peer['oniceconnectionstatechange'] = null;
  ontrack: Peer['ontrack'] = null;
  iceConnectionState: RTCIceConnectionState = 'new';
  localDescription: RTCSessionDescription | null = null;
  remote: RTCSessionDescriptionInit | undefined;
  readonly candidates: RTCIceCandidateInit[] = [];
  readonly tracks: unknown[] = [];
  isClosed = false;

  constructor(readonly name: string) {}

  addTrack(track: MediaStreamTrack): void {
    this.tracks.push(track);
  }
  createOffer(): Promise<RTCSessionDescriptionInit> {
    return Promise.resolve({ type: 'offer', sdp: `offer of ${this.name}` });
  }
  createAnswer(): Promise<RTCSessionDescriptionInit> {
    if (!this.remote) return Promise.reject(new Error('there is no offer to answer'));
    return Promise.resolve({ type: 'answer', sdp: `answer of ${this.name}` });
  }
  setLocalDescription(description: RTCSessionDescriptionInit): Promise<void> {
    this.localDescription = description as RTCSessionDescription;
    this.find(1);
    return Promise.resolve();
  }
  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    if (this.remote) return Promise.reject(new Error('described twice'));
    this.remote = description;
    return Promise.resolve();
  }
  addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    if (!this.remote) return Promise.reject(new Error('a candidate before its description'));
    this.candidates.push(candidate);
    return Promise.resolve();
  }
  close(): void {
    this.isClosed = true;
  }
  /** A candidate of ours is found. */
  find(number: number): void {
    this.onicecandidate?.({ candidate: { candidate: `candidate ${number} of ${this.name}`, sdpMid: '0', sdpMLineIndex: 0 } } as RTCPeerConnectionIceEvent);
  }
  become(state: RTCIceConnectionState): void {
    this.iceConnectionState = state;
    this.oniceconnectionstatechange?.({} as Event);
  }
}

const stream = { getTracks: () => ['audio', 'video'] } as unknown as MediaStream;

function people(...urls: string[]): { runtime: FakeRuntime; connectors: Connector[]; peers: Map<string, FakePeer> } {
  const [runtime, peers] = [new FakeRuntime(), new Map<string, FakePeer>()];
  const connectors = urls.map((url) => {
    const name = url.split('/')[3]!;
    const bus = runtime.bus(url, { user: `${name}@d.test`, schemes: ['connection'], resources: ['audio', 'video'] });
    const peer = (): Peer => {
      const one = new FakePeer(name);
      peers.set(name, one);
      return one;
    };
    return new Connector(url, bus, CONFIGURATION, { peer });
  });
  return { runtime, connectors, peers };
}

describe('the Connector', () => {
  it('calls, is answered, and hangs up', async () => {
    const { runtime, connectors: [alice, bob], peers } = people(ALICE, BOB);
    const rings: [Call, unknown][] = [];
    bob!.onInvitation((call, profile) => { rings.push([call, profile]); });
    const call = await alice!.connect('bob@d.test', stream, 'lunch');
    await until(() => rings.length === 1, 'it rings');
    const [theirs, profile] = rings[0]!;
    expect([theirs.name, theirs.remote]).toEqual(['lunch', ALICE]);
    expect(profile).toMatchObject({ email: 'alice@d.test' });
    peers.get('alice')!.find(2);
    await theirs.accept(stream);
    await until(() => peers.get('alice')!.remote !== undefined, 'the answer comes');
    expect(peers.get('bob')!.remote).toEqual({ type: 'offer', sdp: 'offer of alice' });
    expect(peers.get('alice')!.remote).toEqual({ type: 'answer', sdp: 'answer of bob' });
    expect(peers.get('bob')!.tracks.length).toBe(2);
    peers.get('bob')!.find(2);
    await until(() => peers.get('alice')!.candidates.length === 2 && peers.get('bob')!.candidates.length === 2, 'all candidates, once each');
    expect(peers.get('alice')!.candidates.map(({ candidate }) => candidate)).toEqual(['candidate 1 of bob', 'candidate 2 of bob']);

    // Both sides' objects are as the originals have them: the caller is the owner in both.
    const created = runtime.log.filter(({ type, to, body }) => type === 'create' && to === `${RUNTIME}/sm` && !body?.['authorise']);
    const data = created.map(({ body }) => (body!['value'] as { data: Record<string, unknown> }).data);
    expect(data.map(({ name, scheme, owner, peer, status }) => ({ name, scheme, owner, peer, status }))).toEqual([ALICE, BOB].map(() => ({ name: 'lunch', scheme: 'connection', owner: ALICE, peer: BOB, status: '' })));
    peers.get('alice')!.become('connected');
    const status = runtime.log.find(({ type, body }) => type === 'update' && body?.['attribute'] === 'status');
    expect(status?.body).toMatchObject({ value: 'connected', source: ALICE, mutual: false });

    const endings: Ending[] = [];
    call.onDisconnect((why) => { endings.push(why); });
    theirs.onDisconnect((why) => { endings.push(why); });
    call.disconnect();
    await until(() => endings.length === 2, 'both ended');
    expect(endings).toEqual(['hung-up', 'gone']);
    expect([...peers.values()].every(({ isClosed }) => isClosed)).toBe(true);
    // And again, the other way.
    alice!.onInvitation((again) => { void again.accept(stream); });
    await bob!.connect('alice@d.test', stream);
    await until(() => peers.get('bob')!.remote?.type === 'answer', 'a second call');
  });

  it('is declined, is busy, and finds nobody', async () => {
    const { connectors: [alice, bob, carol] } = people(ALICE, BOB, CAROL);
    let why: Ending | undefined;
    bob!.onInvitation((call) => { call.decline(); });
    const call = await alice!.connect('bob@d.test', stream);
    call.onDisconnect((ending) => { why = ending; });
    await until(() => why !== undefined, 'the call ends');
    expect(why).toBe('gone');
    let ringing = 0;
    bob!.onInvitation(() => { ringing += 1; });
    await alice!.connect('bob@d.test', stream);
    await until(() => ringing === 1, 'it rings');
    await expect(carol!.connect('bob@d.test', stream)).rejects.toMatchObject({ code: 486 });
    await expect(carol!.connect('nobody@d.test', stream)).rejects.toMatchObject({ code: 404 });
    await expect(bob!.connect(CAROL, stream)).rejects.toMatchObject({ code: 404 });
  });
});

describe('presence', () => {
  it('is told, observed and over', async () => {
    const runtime = new FakeRuntime();
    const reporter = new UserAvailabilityReporter(ALICE, runtime.bus(ALICE, { user: 'alice@d.test', schemes: ['context'], resources: ['availability_context'] }), CONFIGURATION);
    const observer = new UserAvailabilityObserver(BOB, runtime.bus(BOB, { user: 'bob@d.test', schemes: [], resources: [] }), CONFIGURATION);
    const seen: string[] = [];
    await expect(observer.observe('alice@d.test', () => {})).rejects.toMatchObject({ code: 404 });
    await reporter.create();
    await observer.observe('alice@d.test', (availability) => { seen.push(availability); });
    await reporter.setAvailability('busy');
    await until(() => seen.length === 2, 'a change');
    // The registry tells that nobody keeps it alive, and then that somebody does.
    const url = runtime.log.find(({ type }) => type === 'update')!.from;
    for (const value of ['disconnected', 'live']) {
      runtime.deliver({ type: 'update', from: 'domain://registry.d.test', to: `${url}/registration`, body: { value, attribute: 'status' } });
    }
    await until(() => seen.length === 4, 'gone, and back');
    reporter.stop();
    await until(() => seen.length === 5, 'the end');
    expect(seen).toEqual(['available', 'busy', 'unavailable', 'busy', 'unavailable']);
    expect(runtime.log.find(({ to }) => to === `${RUNTIME}/subscriptions`)?.body).toEqual({ resources: [`${url}/registration`] });
    const created = runtime.log.find(({ type, to }) => type === 'create' && to === `${RUNTIME}/sm`);
    expect(created?.body?.['value']).toMatchObject({ name: 'myAvailability', resources: ['availability_context'], expires: 30, data: { values: [{ name: 'availability', type: 'availability_status', unit: 'pres', value: 'available' }] } });
  });
});

describe('conversations', () => {
  it('are begun, joined, written in, left and ended', async () => {
    const runtime = new FakeRuntime();
    const at = (url: string): GroupChatManager => new GroupChatManager(url, runtime.bus(url, { user: `${url.split('/')[3]!}@d.test`, schemes: ['comm'], resources: ['chat'] }), CONFIGURATION);
    const [alice, bob, carol] = [at(ALICE), at(BOB), at(CAROL)];
    const invited: ChatInvitation[] = [];
    for (const one of [bob, carol]) one.onInvitation((invitation) => { invited.push(invitation); });
    const chat = await alice.create('room', [{ user: 'bob@d.test' }]);
    expect(await chat.invited).toEqual([]);
    expect(await chat.addUsers([{ user: 'carol@d.test' }, { user: 'nobody@d.test' }])).toEqual(['nobody@d.test']);
    expect(invited.map(({ name, from }) => [name, from])).toEqual([['room', ALICE], ['room', ALICE]]);
    const [ofBob, ofCarol] = [await bob.join(chat.url), await carol.join(chat.url)];
    await until(() => Object.keys(ofCarol.participants).length === 3 && Object.keys(ofBob.participants).length === 3, 'three take part');
    expect(Object.keys(ofBob.participants)).toEqual(['user-guid://alice', 'user-guid://bob', 'user-guid://carol']);
    await expect(ofBob.addUsers([{ user: 'carol@d.test' }])).rejects.toMatchObject({ code: 403 });

    const seen = new Map<string, ChatMessage[]>([['alice', []], ['bob', []], ['carol', []]]);
    for (const [name, one] of [['alice', chat], ['bob', ofBob], ['carol', ofCarol]] as const) one.onMessage((message) => { seen.get(name)!.push(message); });
    await ofBob.send('hello');
    await chat.send('welcome');
    await until(() => seen.get('carol')!.length === 2, 'both messages');
    expect(seen.get('carol')!.map(({ from, text }) => [from, text])).toEqual([[BOB, 'hello'], [ALICE, 'welcome']]);
    expect(seen.get('alice')!.map(({ text, profile }) => [text, (profile as { email: string }).email])).toEqual([['hello', 'bob@d.test']]);
    await expect(chat.send('x'.repeat(40_000))).rejects.toMatchObject({ code: 413 });

    ofCarol.close();
    await until(() => Object.keys(ofBob.participants).length === 2, 'one left');
    let isOver = false;
    ofBob.onClose(() => { isOver = true; });
    chat.close();
    await until(() => isOver, 'the end');
  });
});

describe('what is in the catalogue', () => {
  const objects = fileURLToPath(new URL('../objects', import.meta.url));
  const hyperties = readdirSync(`${objects}/hyperty`);

  it('has code for every hyperty, and each is activated as runtimes do', async () => {
    for (const name of hyperties) {
      const sandbox = createContext({ console, setTimeout, clearTimeout, code: await script(CODE[`hyperty/${name}`]!) });
      runInContext('(0, eval)(code)', sandbox);
      const { activate } = sandbox as unknown as { activate: { default: Activate<{ url: string }> } };
      const bus = new FakeRuntime().bus(ALICE, { user: '', schemes: [], resources: [] });
      expect(activate.default(ALICE, bus, CONFIGURATION), name).toMatchObject({ name, instance: { url: ALICE } });
    }
  });

  it('has no type in a hyperty, and in each schema what runtimes of 2018 read', () => {
    const read = (path: string): Record<string, unknown> => JSON.parse(readFileSync(`${objects}/${path}`, 'utf8')) as Record<string, unknown>;
    for (const name of hyperties) expect(read(`hyperty/${name}/description.json`)['type'], name).toBeUndefined();
    const schemes: Record<string, string> = { Connection: 'connection', Communication: 'comm', Context: 'context', HypertyResource: 'resource' };
    for (const name of readdirSync(`${objects}/dataschema`)) {
      // With a `scheme` that they do not know, they make no schema of it, and fail.
      expect(read(`dataschema/${name}/description.json`)['scheme'], name).toBeUndefined();
      const properties = read(`dataschema/${name}/sourceCode.json`)['properties'] as { scheme: { constant: string } };
      expect(properties.scheme.constant, name).toBe(schemes[name]);
    }
  });
});
