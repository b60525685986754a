/** The call as the page shows it: the SDK's room, made reactive. */
import { GETS_ALL, isPlain, PLAIN_AUDIENCE, Playback, Room, type AudienceChange, type AudienceState, type AudioPath, type CallStats, type CanvasLayout, type ColloquyError, type ConnectionState, type Gets, type LocalTrack, type ParticipantInfo, type ServerStats, type Shown, type Source, type StanceInfo, type TrackInfo, type TransportState, type VideoMode } from '@colloquy/sdk';
import { claim } from '../lib/identity.js';
import { t } from '../i18n/index.js';
import { roomOptions, type Wanted } from '../lib/params.js';
import { stillOf } from '../lib/stills.js';
import { announce } from './announce.js';
import { notices } from './notices.svelte.js';
import { prefs } from './prefs.svelte.js';
import { VideoWishes } from './wishes.js';

declare global {
  interface Window {
    /** For tests and for a look with the developer tools. */
    colloquy?: { room: Room };
  }
}

export type End = 'left' | 'kicked' | 'room_closed' | 'failed' | 'expired' | 'elsewhere' | 'gone';
export interface EndInfo { readonly end: End; readonly message: string }

/** How often our own connection is measured. */
const STATS_MS = 2_000;

export class Call {
  readonly room: Room;
  readonly playback = new Playback();
  readonly wishes: VideoWishes;
  readonly startedAt = Date.now();
  people = $state.raw<readonly ParticipantInfo[]>([]);
  media = $state.raw<ReadonlyMap<string, MediaStreamTrack>>(new Map());
  local = $state.raw<ReadonlyMap<Source, LocalTrack>>(new Map());
  speaking = $state.raw<ReadonlySet<string>>(new Set());
  dominant = $state.raw<string | null>(null);
  scores = $state.raw<ReadonlyMap<string, number>>(new Map());
  connection = $state.raw<ConnectionState>('new');
  transport = $state.raw<TransportState>('new');
  blocked = $state(false);
  drainingAt = $state<number | null>(null);
  stats = $state.raw<CallStats | null>(null);
  pinned = $state<string | null>(null);
  /** What the server shows us of each video, and the largest that it ever did. */
  shown = $state.raw<ReadonlyMap<string, Shown>>(new Map());
  /** The mix of all that we hear, where it comes, and whether it is what we hear. */
  mixed = $state.raw<MediaStreamTrack | null>(null);
  audioPath = $state<AudioPath>('forward');
  /** The room leaves as a stream. */
  streamed = $state(false);
  /** Others are seen on one canvas, and that canvas where it comes. */
  composite = $state(false);
  canvas = $state.raw<MediaStreamTrack | null>(null);
  readonly #largest = new Map<string, number>();
  /** Where we stand, and what we get of others. */
  audience = $state.raw<AudienceState>(PLAIN_AUDIENCE);
  /** The last pictures of those who turned away from us, by track. */
  stills = $state.raw<ReadonlyMap<string, HTMLCanvasElement>>(new Map());
  busy = $state.raw<ReadonlySet<Source>>(new Set());
  ended = $state.raw<EndInfo | null>(null);
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(readonly roomName: string, readonly userName: string, private readonly wanted: Wanted) {
    this.room = new Room({ client: 'colloquy-page/0.1', autoSubscribe: 'audio', identity: claim, ...roomOptions(wanted) });
    this.wishes = new VideoWishes(this.room);
    window.colloquy = { room: this.room };
    this.#listen();
    announce(this.room);
  }

  get selfId(): string { return this.room.participantId ?? ''; }
  get self(): ParticipantInfo | null { return this.people.find((p) => p.id === this.selfId) ?? null; }
  get others(): ParticipantInfo[] { return this.people.filter((p) => p.id !== this.selfId); }
  get moderator(): boolean { return this.self?.moderator ?? false; }
  get micOn(): boolean { return this.#on('microphone'); }
  get cameraOn(): boolean { return this.#on('camera'); }
  get sharing(): boolean { return this.local.has('screen'); }
  get stance(): StanceInfo { return this.audience.you; }
  /** What we get of somebody. */
  gets(id: string): Gets { return this.audience.others.get(id) ?? GETS_ALL; }
  nameOf(id: string): string { return this.people.find((p) => p.id === id)?.name ?? ''; }
  /** Those who have a tile: not whoever only listens and is not seen. */
  get onStage(): ParticipantInfo[] {
    const shown = (p: ParticipantInfo): boolean => (p.id === this.selfId
      ? this.stance.post !== 'monitor' || this.stance.line === 'backstage'
      : !this.gets(p.id).monitor || this.gets(p.id).sees !== 'off');
    const stage = this.people.filter(shown);
    return stage.length > 0 ? stage : this.people.filter((p) => p.id === this.selfId);
  }
  /** Whether we came in as a monitor: an agent who was taken over listens, and may do none of what a monitor may. */
  get mayMonitor(): boolean { return this.wanted.as === 'monitor' || this.wanted.as === 'announced_monitor'; }
  /** For a monitor: those whom he may coach and take over from. A customer is nobody to take over from. */
  get agents(): ParticipantInfo[] {
    return this.others.filter((p) => p.moderator && !this.gets(p.id).monitor && this.gets(p.id).hears !== null);
  }
  /** While we talk aside: those who hear nothing of it. */
  get shutOut(): ParticipantInfo[] {
    const confidants = this.stance.with;
    if (confidants === undefined) return [];
    return this.others.filter((p) => !confidants.includes(p.id) && !this.gets(p.id).monitor && this.gets(p.id).hears !== null);
  }
  /** Those whom we alone hear. */
  get whisperers(): ParticipantInfo[] {
    if (this.stance.post !== 'floor') return [];
    return this.others.filter((p) => {
      const { monitor, hears, sees } = this.gets(p.id);
      return monitor && hears !== null && sees === 'off' && !isPlain(hears);
    });
  }
  /** All screens that are shown now, our own too. */
  get screens(): TrackInfo[] { return this.people.flatMap((p) => p.tracks).filter((track) => track.source === 'screen'); }
  /** All sound of others. */
  get sounds(): TrackInfo[] { return this.others.flatMap((p) => p.tracks).filter((track) => track.kind === 'audio'); }

  /** @throws ColloquyError when the room does not let us in. */
  async join(microphone: MediaStreamTrack | null, camera: MediaStreamTrack | null): Promise<void> {
    await this.room.join(this.roomName, this.userName, { as: this.wanted.as });
    if (prefs.speakerId !== '') void this.playback.setOutput(prefs.speakerId);
    this.limitFaces();
    if (prefs.audioMode !== 'forward') this.hearAsChosen();
    const video = this.wanted.video ?? prefs.videoMode;
    if (video !== 'forward') this.seeAs(video);
    this.#timer = setInterval(() => void this.#measure(), STATS_MS);
    if (!this.room.permissions.publish) {
      microphone?.stop();
      camera?.stop();
      return;
    }
    // Not awaited one after the other: both go in one offer.
    if (microphone !== null) this.#background(this.room.publish('microphone', microphone));
    if (camera !== null) this.#background(this.room.publish('camera', camera));
  }

  toggleMicrophone(): Promise<void> {
    const on = !this.micOn;
    if (on && this.local.get('microphone')?.mutedByModerator && !this.moderator) {
      notices.toast(t.say.stillMuted, 'bad');
      return Promise.resolve();
    }
    return this.#do('microphone', async () => {
      await this.room.setMicrophone(on, prefs.microphoneId);
      notices.say(on ? t.say.unmuted : t.say.muted);
    });
  }

  toggleCamera(): Promise<void> {
    const on = !this.cameraOn;
    return this.#do('camera', async () => {
      await this.room.setCamera(on, prefs.cameraId);
      notices.say(on ? t.say.cameraOn : t.say.cameraOff);
    });
  }

  toggleScreen(): Promise<void> {
    return this.#do('screen', () => this.room.setScreen(!this.sharing));
  }

  switchDevice(source: 'microphone' | 'camera', deviceId: string): Promise<void> {
    return this.#do(source, () => this.room.switchDevice(source, deviceId));
  }

  muteTrack(track: TrackInfo, muted: boolean): void {
    this.#background(this.room.muteTrack(track.id, muted));
  }

  /** Changes who gets what of whom. */
  act(change: AudienceChange): void {
    this.#background(this.room.act(change));
  }

  /** For a monitor: small pictures, or whole ones again. Whom he speaks to stays. */
  watchSmall(wall: boolean): void {
    const { announced = false, line, agent } = this.stance;
    this.act({ verb: 'monitor', announced, wall });
    if (line === 'backstage') this.act({ verb: 'backstage' });
    if (line === 'coaching' && agent !== undefined) this.act({ verb: 'coach', agent });
  }

  kick(id: string): void {
    this.#background(this.room.kick(id));
  }

  /** Hears others as the person chose. */
  hearAsChosen(): void {
    this.room.setAudioMode(prefs.audioMode);
  }

  /** Shows others each by himself, or all on one canvas. */
  seeAs(mode: VideoMode): void {
    this.room.setVideoMode(mode);
  }

  /** How the canvas is laid out, and who comes first on it. */
  arrangeCanvas(layout: CanvasLayout, pin: string | null): void {
    if (this.composite) this.room.setVideoMode('composite', { layout, pin });
  }

  /** Asks for as many faces as the person chose. */
  limitFaces(): void {
    this.room.setDownlink(prefs.lastN > 0 ? { lastN: prefs.lastN } : {});
  }

  /** Whether a video comes smaller than it did before and than `height` pixels could show. */
  isLow(track: string, height: number): boolean {
    const lines = this.shown.get(track)?.size?.height;
    return lines !== undefined && lines < (this.#largest.get(track) ?? 0) && lines * 1.5 < height;
  }

  /** What the server has counted; `null` when it does not say. */
  serverStats(): Promise<ServerStats | null> {
    return this.room.serverStats().catch(() => null);
  }

  async leave(end: End = 'left'): Promise<void> {
    this.#finish({ end, message: '' });
    await this.room.leave();
  }

  #on(source: Source): boolean {
    const track = this.local.get(source);
    return track !== undefined && !track.muted && !track.mutedByModerator;
  }

  async #measure(): Promise<void> {
    this.stats = await this.room.stats().catch(() => null);
  }

  async #do(source: Source, action: () => Promise<void>): Promise<void> {
    // A second click while the first is under way (a permission prompt may be open) would undo what is not done yet.
    if (this.busy.has(source)) return;
    this.busy = new Set([...this.busy, source]);
    try {
      await action();
    } catch (error) {
      announce.failure(error, source);
    } finally {
      this.busy = new Set([...this.busy].filter((s) => s !== source));
    }
  }

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => announce.failure(error, null));
  }

  /** Keeps the last pictures of those who have just turned away: the elements that show them may go while the layout changes. */
  #freeze(): void {
    const frozen = this.others.filter((p) => this.gets(p.id).sees === 'frozen').flatMap((p) => p.tracks).filter((track) => track.kind === 'video').map((track) => track.id);
    const fresh = frozen.filter((track) => !this.stills.has(track)).map((track) => [track, stillOf(track)] as const);
    this.#keepStills((track) => frozen.includes(track));
    const taken = fresh.flatMap(([track, still]) => (still === null ? [] : [[track, still] as const]));
    if (taken.length > 0) this.stills = new Map([...this.stills, ...taken]);
  }

  #keepStills(wanted: (track: string) => boolean): void {
    if ([...this.stills.keys()].every(wanted)) return;
    this.stills = new Map([...this.stills].filter(([track]) => wanted(track)));
  }

  #finish(info: EndInfo): void {
    clearInterval(this.#timer);
    this.wishes.close();
    notices.clear();
    this.ended ??= info;
  }

  #listen(): void {
    const { room } = this;
    room.on('changed', () => { this.people = [...room.participants.values()]; });
    room.on('localChanged', () => {
      // Copies, because the SDK's own objects change in place and nothing would be drawn anew.
      this.local = new Map(room.localTracks().map((track) => [track.source, { ...track }]));
    });
    room.on('trackSubscribed', ({ track, media }) => { this.media = new Map(this.media).set(track.id, media); });
    room.on('trackUnsubscribed', ({ track }) => {
      const media = new Map(this.media);
      media.delete(track);
      this.media = media;
      const shown = new Map(this.shown);
      shown.delete(track);
      this.shown = shown;
    });
    room.on('mixed', (media) => { this.mixed = media; });
    room.on('streamed', (streamed) => { this.streamed = streamed; });
    room.on('videoMode', (mode) => { this.composite = mode === 'composite'; });
    room.on('canvas', (media) => { this.canvas = media; });
    room.on('audioPath', (path) => { this.audioPath = path; });
    room.on('shown', ({ track, shown }) => {
      this.#largest.set(track, Math.max(this.#largest.get(track) ?? 0, shown.size?.height ?? 0));
      this.shown = new Map(this.shown).set(track, shown);
    });
    room.on('trackUnpublished', ({ track }) => {
      this.#largest.delete(track.id);
      this.#keepStills((still) => still !== track.id);
    });
    room.on('audience', (audience) => {
      this.audience = audience;
      this.#freeze();
    });
    room.on('speakers', ({ speakers, dominant }) => {
      this.speaking = new Set(speakers.map((s) => s.participant));
      this.dominant = dominant;
    });
    room.on('quality', ({ participant, score }) => { this.scores = new Map(this.scores).set(participant, score); });
    room.on('state', (state) => {
      this.connection = state;
      // Who speaks is not known while nobody tells us.
      if (state === 'reconnecting') this.speaking = new Set();
    });
    room.on('transport', (state) => { this.transport = state; });
    room.on('draining', ({ seconds }) => { this.drainingAt = Date.now() + seconds * 1000; });
    room.on('restored', () => { this.drainingAt = null; });
    room.on('removed', ({ reason, message }) => {
      this.#finish({ end: reason, message });
      void room.leave();
    });
    room.on('closed', (error) => this.#finish({ end: endOf(error), message: error.remedy === '' ? error.message : '' }));
    this.playback.on('blocked', (blocked) => { this.blocked = blocked; });
  }
}

function endOf(error: ColloquyError): End {
  if (error.code === 'client.closed') return 'elsewhere';
  return error.code.startsWith('auth.') ? 'expired' : 'gone';
}
