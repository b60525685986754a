/** The public face of the SDK: one room, its people, what we send and what we receive. */
import { getsOf, PLAIN_AUDIENCE, reduceAudience, type AudienceState, type Gets } from './audience.js';
import type { DataOptions } from './channels.js';
import { Claims } from './claims.js';
import { preferencesFrom } from './codecs.js';
import { Connection, type ConnectionState } from './connection.js';
import { Emitter } from './emitter.js';
import { ColloquyError, isConnectionLoss } from './errors.js';
import type { RoomEvents } from './events.js';
import { LocalMedia, type LocalTrack } from './local.js';
import { watchNetwork } from './network.js';
import type { JoinOptions, RoomOptions } from './options.js';
import { isCanvas, type CanvasView, type VideoMode } from './pictures.js';
import type { Downlink, ViewPreference } from './preferences.js';
import { MIX, Receiving } from './receiving.js';
import { Reception } from './reception.js';
import type { AnnouncementInfo, AnnouncementWish, AudienceChange, AudioMode, AudioPath, Joined, LeaveReason, ParticipantInfo, Permissions, Request, ServerEvent, ServerStats, Shown, Source, SpeakerLevel, StanceInfo, TrackInfo } from './protocol.js';
import { roomUrl, Snapshots, type Snapshot, type SnapshotOptions, type Thumbnail } from './snapshots.js';
import { diff, findTrack, reduce, stateOf, withTrack, type RoomState } from './state.js';
import { StatsReader, type CallStats } from './stats.js';
import type { TransportState } from './ice.js';
import { Transport, type Send } from './transport.js';

const OWN_STATE = { connecting: 'connecting', connected: 'connected', disconnected: 'reconnecting' } as const;

/**
 * A room on a Colloquy server.
 *
 * ```ts
 * const room = new Room({ url: 'wss://example.org/api/v1/ws' });
 * room.on('trackSubscribed', ({ media }) => video.srcObject = new MediaStream([media]));
 * await room.join('daily', 'Anne');
 * await room.setMicrophone(true);
 * ```
 *
 * After a lost connection the room restores itself; `state` says so meanwhile.
 */
export class Room extends Emitter<RoomEvents> {
  readonly #connection: Connection;
  readonly #local: LocalMedia;
  readonly #receiving: Receiving;
  readonly #stats = new StatsReader();
  readonly #snapshots = new Snapshots();
  readonly #claims: Claims;
  readonly #scores = new Map<string, number>();
  readonly #shown = new Map<string, Shown>();
  readonly #reception: Reception;
  #transport: Transport | null = null;
  #people: RoomState = new Map();
  #audience: AudienceState = PLAIN_AUDIENCE;
  #me: Joined | null = null;
  #streamed = false;
  #speakers: readonly SpeakerLevel[] = [];
  #dominant: string | null = null;
  #transportState: TransportState = 'new';
  #unwatch: (() => void) | null = null;

  constructor(private readonly options: RoomOptions) {
    super();
    this.#claims = new Claims(options.identity);
    this.#receiving = new Receiving(options.autoSubscribe ?? true, {
      places: () => (this.permissions.subscribe ? (this.#transport?.places ?? null) : null),
      tracks: () => this.#remoteTracks(),
      wantsMix: () => this.#reception.mode !== 'forward' || this.#connection.welcome?.announcements === true,
      onlyHears: () => this.#reception.onlyHears,
      isHere: (participant) => this.#people.has(participant),
    });
    this.#reception = new Reception(options.device ?? 'screen', {
      isJoined: () => this.state === 'joined',
      say: (request) => this.#say(request),
      audioPath: (path) => this.emit('audioPath', path),
    });
    this.#connection = new Connection({
      url: options.url, client: options.client ?? 'colloquy-sdk/0.1', giveUpAfterMs: options.giveUpAfterMs ?? 120_000,
      ...(options.token === undefined ? {} : { token: options.token }),
    });
    this.#local = new LocalMedia({
      request: (request) => this.#connection.request(request),
      changed: () => this.emit('localChanged', undefined),
      ended: (source) => this.#deviceEnded(source),
    }, options.codec);
    this.#connection.on('state', (state) => {
      if (state === 'reconnecting') this.#transport?.pause();
      this.emit('state', state);
    });
    this.#connection.on('event', (event) => this.#event(event));
    this.#connection.on('restored', ({ snapshot, resumed }) => this.#restored(snapshot, resumed));
    this.#connection.on('closed', (error) => {
      this.#teardown();
      this.emit('closed', error);
    });
  }

  /** Where the connection to the server stands. */
  get state(): ConnectionState { return this.#connection.state; }
  /** Where the media path stands. */
  get transportState(): TransportState { return this.#transportState; }
  /** The room's name once joined. */
  get name(): string | null { return this.#me?.room ?? null; }
  /** Our own participant id once joined. */
  get participantId(): string | null { return this.#me?.participant ?? null; }
  /** Whether the room leaves as a stream, so that others than those in it may hear and see it. */
  get streamed(): boolean { return this.#streamed; }
  get moderator(): boolean { return this.#me?.moderator ?? false; }
  get permissions(): Permissions { return this.#me?.permissions ?? { publish: false, subscribe: false }; }
  /** Everybody in the room, ourselves included. */
  get participants(): ReadonlyMap<string, ParticipantInfo> { return this.#people; }
  /** Who is heard now, the loudest first. */
  get speakers(): readonly SpeakerLevel[] { return this.#speakers; }
  /** The participant who has the floor. */
  get dominantSpeaker(): string | null { return this.#dominant; }
  /** Where we stand. */
  get stance(): StanceInfo { return this.#audience.you; }
  /** The server's software and version. */
  get server(): string | null { return this.#connection.welcome?.server ?? null; }
  /** The peer connection, for debugging; do not negotiate on it. */
  get peerConnection(): RTCPeerConnection | null { return this.#transport?.pc ?? null; }

  /** Opens the connection. {@link join} does so by itself; this is for showing early that the server answers. */
  async connect(): Promise<void> {
    await this.#connection.connect();
  }

  /**
   * Enters a room.
   * @throws ColloquyError
   */
  async join(room: string, name: string, options: JoinOptions = {}): Promise<void> {
    if (this.state === 'new' || this.state === 'closed') await this.connect();
    const snapshot = await this.#connection.join(room, name, options);
    this.#unwatch ??= watchNetwork(() => {
      if (this.state === 'joined') this.#transport?.restartIce();
    });
    this.#enter(snapshot);
  }

  /** Leaves the room, releases every device and closes the connection. */
  async leave(): Promise<void> {
    this.#local.stop();
    // The word before the deed: a transport that closes without a `leave` looks like one that broke, to everybody else.
    await this.#connection.leave();
    this.#teardown();
  }

  /** Our own track of a source. */
  localTrack(source: Source): LocalTrack | null { return this.#local.get(source); }
  localTracks(): LocalTrack[] { return this.#local.all(); }

  /** Publishes any media track; the room owns it from now on and stops it at the end. */
  publish(source: Source, media: MediaStreamTrack): Promise<LocalTrack> { return this.#local.publish(source, media); }
  unpublish(source: Source): Promise<void> { return this.#local.unpublish(source); }
  /** Opens or unmutes, or mutes the microphone. */
  setMicrophone(on: boolean, deviceId?: string): Promise<void> { return this.#local.setMicrophone(on, deviceId); }
  /** Opens the camera, or mutes it and releases the device. */
  setCamera(on: boolean, deviceId?: string): Promise<void> { return this.#local.setCamera(on, deviceId); }
  /** Shares a screen, window or tab with its sound, or stops doing so. */
  setScreen(on: boolean): Promise<void> { return this.#local.setScreen(on); }
  /** Changes the device of a live track without renegotiation. */
  switchDevice(source: 'microphone' | 'camera', deviceId: string): Promise<void> { return this.#local.switchDevice(source, deviceId); }
  /** Mutes or unmutes one of our own tracks. */
  setMuted(source: Source, muted: boolean): Promise<void> { return this.#local.setMuted(source, muted); }

  /** Mutes or unmutes anybody's track; for somebody else's one must be a moderator. */
  async muteTrack(track: string, muted: boolean): Promise<void> {
    const own = this.#local.all().find((t) => t.id === track);
    if (own !== undefined) await this.#local.setMuted(own.source, muted);
    else await this.#connection.request({ type: 'mute', track, muted });
  }

  /** Takes somebody out of the room; moderators only. */
  async kick(participant: string, reason?: string): Promise<void> {
    await this.#connection.request({ type: 'kick', participant, ...(reason === undefined ? {} : { reason }) });
  }

  /**
   * Changes who gets what of whom: hold, side talk, monitoring and what follows from it. All of it or nothing happens; what it means for us
   * comes with the event `audience`.
   * @throws ColloquyError `auth.forbidden`, or `audience.refused` where somebody does not stand so that it could be
   */
  async act(change: AudienceChange): Promise<void> {
    await this.#connection.request({ type: 'audience', change });
  }

  /**
   * Has the server play a file or say a text: to everybody on the floor, to those on hold, or to one. Moderators only.
   * @throws ColloquyError
   */
  async announce(wish: AnnouncementWish): Promise<AnnouncementInfo> {
    return (await this.#connection.request({ type: 'announce', ...wish })).announcement;
  }

  /** Stops something that is played. Moderators only. @throws ColloquyError */
  async hush(announcement: string): Promise<void> {
    await this.#connection.request({ type: 'hush', announcement });
  }

  /** What is played in the room now; hold music not included. Moderators only. @throws ColloquyError */
  async announcements(): Promise<readonly AnnouncementInfo[]> {
    return (await this.#connection.request({ type: 'announcements' })).announcements;
  }

  /** What we get of somebody else. */
  audience(participant: string): Gets { return getsOf(this.#audience, participant); }

  /** Receives a track; its media comes with `trackSubscribed`. */
  subscribe(track: string): void {
    this.#receiving.subscribe(track);
  }

  /** Stops receiving a track. */
  unsubscribe(track: string): void {
    this.#receiving.unsubscribe(track);
  }

  /** The media of a subscribed track; `null` until the server sends it. */
  media(track: string): MediaStreamTrack | null { return this.#transport?.places.media(track) ?? null; }

  /** Says how a track is looked at; what is left out stays as it was. The server sends what fits best. */
  prefer(track: string, wish: Partial<ViewPreference>): void {
    this.#receiving.prefer(track, wish);
  }

  /** Says what we want to receive in all; what is left out is without limit. Holds for as long as this room is. */
  setDownlink(downlink: Downlink): void {
    this.#reception.setDownlink(downlink);
  }

  /**
   * Says how others are to be heard: each by himself, all mixed by the server into one stream, or as the server finds best. It changes
   * without a gap; `audioPath` tells when. Holds for as long as this room is.
   */
  setAudioMode(mode: AudioMode): void {
    this.#reception.setMode(mode);
    this.#receiving.apply();
  }

  /** On an earpiece or a watch: sound comes, and no pictures. */
  get onlyHears(): boolean { return this.#reception.onlyHears; }
  get audioMode(): AudioMode { return this.#reception.mode; }
  /** How others are heard now. */
  get audioPath(): AudioPath { return this.#reception.path; }
  /** The mix of all that we hear, once the server can send it; else what it plays to us. */
  get mixed(): MediaStreamTrack | null { return this.#transport?.places.media(MIX) ?? null; }

  /**
   * Says how others are to be seen: each by himself, or all on one canvas that the server draws, with their names. What is heard does not
   * change. `canvas` brings it; what only hears has none. Holds for as long as this room is.
   */
  setVideoMode(mode: VideoMode, view: CanvasView = {}): void {
    if (this.#receiving.setVideoMode(mode, view)) this.emit('videoMode', this.videoMode);
  }

  get videoMode(): VideoMode { return this.#receiving.videoMode; }
  /** The canvas with all whom we see, once the server sends it. */
  get canvas(): MediaStreamTrack | null { return this.#receiving.canvas; }
  /** Says how large the canvas is looked at, in pixels of the screen. */
  preferCanvas(size: ViewPreference['size']): void { this.#receiving.preferCanvas(size); }

  /** What a video that we receive shows; `null` until the server has told. */
  shown(track: string): Shown | null { return this.#shown.get(track) ?? null; }

  /**
   * Opens a data channel to everybody in the room, or to some; the promise is that of its being open. From then on we are also told
   * whatever others say on theirs. It ends with our connection: when `state` was `closed` or a rebuilt transport took its place,
   * open another.
   * @throws ColloquyError outside of a room, and `client.closed` when it was closed before it was open
   */
  async openData(label: string, options: DataOptions = {}): Promise<RTCDataChannel> {
    if (this.#transport === null) throw new ColloquyError('client.state', 'Join a room before opening a data channel.');
    return await this.#transport.openData(label, options);
  }

  /**
   * A still picture of somebody whom we see: the last one, made at most once in some seconds. Of one who has turned away it is from before.
   * For pages that the server itself serves.
   * @throws ColloquyError `snapshot.none` where none has come yet, `snapshot.off`, `snapshot.withheld`, `snapshot.opted_out`, `snapshot.unreadable`
   */
  async snapshot(participant: string, options: SnapshotOptions = {}): Promise<Snapshot> {
    return this.#snapshots.one(...this.#httpRoom(), participant, options);
  }

  /** The small pictures of everybody in the room, for a wall; to be asked for every few seconds. What has not changed is not sent again. */
  async thumbnails(source: 'camera' | 'screen' = 'camera'): Promise<Thumbnail[]> {
    return this.#snapshots.wall(...this.#httpRoom(), source);
  }

  #httpRoom(): [url: string, token: string] {
    const [room, token] = [this.name, this.#connection.resumeToken];
    if (room === null || token === null) throw new ColloquyError('client.state', 'Join a room before looking at its people.');
    return [roomUrl(this.options.url, room), token];
  }

  /** Network quality of a participant, 0 (unusable) to 5 (perfect); `null` while unknown. */
  quality(participant: string): number | null { return this.#scores.get(participant) ?? null; }

  /** What our own peer connection measured since the last call. */
  async stats(): Promise<CallStats | null> {
    return this.#transport === null ? null : this.#stats.read(await this.#transport.pc.getStats());
  }

  /** The server's counters for us. */
  serverStats(): Promise<ServerStats> { return this.#connection.request({ type: 'stats' }); }

  #enter(snapshot: Joined): void {
    this.#me = snapshot;
    this.#newTransport();
    this.#setAudience(PLAIN_AUDIENCE);
    this.#setPeople(stateOf(snapshot.participants));
    this.#receiving.apply();
    this.#reception.tell();
    this.emit('joined', snapshot);
    this.#setStreamed(snapshot.streamed === true);
  }

  #setStreamed(streamed: boolean): void {
    if (this.#streamed === streamed) return;
    this.#streamed = streamed;
    this.emit('streamed', streamed);
  }

  #restored(snapshot: Joined, resumed: boolean): void {
    this.#me = snapshot;
    if (!resumed) this.#newTransport();
    else this.#transport?.resume();
    // The server tells after each `joined` what is not plain.
    this.#setAudience(PLAIN_AUDIENCE);
    this.#setPeople(stateOf(snapshot.participants));
    if (resumed) this.#local.resync(this.#people.get(snapshot.participant)?.tracks ?? []);
    this.#receiving.apply();
    this.#reception.tell();
    this.emit('restored', { resumed });
    this.#setStreamed(snapshot.streamed === true);
  }

  #newTransport(): void {
    this.#closeTransport();
    const transport: Transport = new Transport(
      {
        iceServers: this.#connection.welcome?.ice_servers ?? [], rtc: this.options.rtc ?? {},
        codecs: preferencesFrom(this.options), codec: this.options.codec, data: this.options.data ?? false,
      },
      {
        request: (request) => this.#connection.request(request),
        claim: (sdp) => this.#claims.of(sdp, this.#connection.welcome?.identity),
        spares: () => this.#receiving.spares,
        published: (send, id) => this.#published(send, id),
        attached: (id, media) => {
          if (id === MIX) return this.emit('mixed', media);
          if (this.#receiving.isCanvas(id)) return this.emit('canvas', media);
          const track = findTrack(this.#people, id);
          if (track !== undefined) this.emit('trackSubscribed', { track, media });
        },
        detached: (track) => {
          if (track === MIX) return this.emit('mixed', null);
          if (isCanvas(track)) return this.emit('canvas', null);
          this.#shown.delete(track);
          this.emit('trackUnsubscribed', { track });
        },
        preference: (track) => this.#receiving.preference(track),
        pin: (track) => this.#receiving.pin(track),
        data: (data) => this.emit('data', data),
        failed: (track, error) => {
          // A server that draws none, or has too much to draw: each is seen by himself again.
          if (this.#receiving.isCanvas(track)) this.setVideoMode('forward');
          this.emit('error', error);
        },
        state: (state) => this.#setTransportState(state),
        broken: () => this.#rebuild(transport),
      },
    );
    this.#transport = transport;
    this.#local.use(transport);
  }

  /** The old transport is beyond repair: a new one with new keys takes its place in the same room. */
  #rebuild(broken: Transport): void {
    if (this.#transport !== broken) return;
    this.#newTransport();
    this.#receiving.apply();
  }

  #closeTransport(): void {
    const old = this.#transport;
    if (old === null) return;
    this.#transport = null;
    this.#shown.clear();
    for (const track of this.#remoteTracks()) {
      if (old.places.media(track.id) !== null) this.emit('trackUnsubscribed', { track: track.id });
    }
    if (old.places.media(MIX) !== null) this.emit('mixed', null);
    this.emit('canvas', null);
    this.#reception.setPath('forward');
    old.close();
    this.#setTransportState('new');
  }

  #published(send: Send, id: string): void {
    const { source, kind } = send;
    const participant = this.participantId;
    if (source === null || participant === null) return;
    this.#local.published(send, id);
    if (findTrack(this.#people, id) === undefined) {
      this.#setPeople(withTrack(this.#people, { id, participant, kind, source, muted: false, mute: { by_self: false, by_moderator: false } }));
    }
  }

  #event(event: ServerEvent): void {
    switch (event.type) {
      case 'speakers':
        this.#speakers = event.speakers;
        this.#dominant = event.dominant;
        return this.emit('speakers', { speakers: event.speakers, dominant: event.dominant });
      case 'quality':
        return this.#score(event.participant, event.score);
      case 'shown':
        // A place that was pointed elsewhere meanwhile has nothing to do with this track any more.
        if (this.#transport?.places.shows(event.mid, event.track) !== true) return;
        this.#shown.set(event.track, event.shown);
        return this.emit('shown', { track: event.track, shown: event.shown });
      case 'audio':
        return this.#reception.setPath(event.path);
      case 'encodings':
        return this.#transport?.setEncodings(event.track, event.encodings);
      case 'removed':
        this.#teardown();
        this.#connection.forgetRoom();
        return this.emit('removed', { reason: event.reason, message: event.message });
      case 'streamed':
        return this.#setStreamed(event.streamed);
      case 'draining':
        return this.emit('draining', { seconds: event.seconds, message: event.message });
      case 'transport':
        // Others are told of us by `participant_state`; we are told so.
        return this.#setPeople(reduce(this.#people, { type: 'participant_state', participant: this.participantId ?? '', state: OWN_STATE[event.state] }));
      case 'audience':
        return this.#setAudience(reduceAudience(this.#audience, event));
      default:
        // First, for whoever looks at somebody when told that he came.
        this.#setAudience(reduceAudience(this.#audience, event));
        this.#setPeople(reduce(this.#people, event), event.type === 'participant_left' ? event.reason : undefined);
        this.#receiving.apply();
    }
  }

  /** Takes a new state of the room and tells the difference. */
  #setPeople(next: RoomState, reason?: LeaveReason): void {
    const before = this.#people;
    if (next === before) return;
    this.#people = next;
    for (const change of diff(before, next, reason)) {
      if (change.type === 'trackUnpublished') {
        this.#receiving.forget(change.track.id);
      } else if (change.type === 'trackMuted' && change.track.participant === this.participantId) {
        this.#local.sync(change.track);
      } else if (change.type === 'participantLeft') {
        this.#scores.delete(change.participant.id);
      }
      if (change.type === 'participantJoined' && change.participant.quality !== null) {
        this.#score(change.participant.id, change.participant.quality);
      }
      // A change is the payload of the event of its name: `ChangeEvents` says so, TypeScript cannot see it in a union.
      this.emit(change.type, change as never);
    }
    this.emit('changed', undefined);
  }

  #setAudience(next: AudienceState): void {
    if (next === this.#audience) return;
    this.#audience = next;
    this.emit('audience', next);
  }

  #score(participant: string, score: number): void {
    this.#scores.set(participant, score);
    this.emit('quality', { participant, score });
  }

  /** Says what is said again when we are back from a lost socket. */
  #say(request: Extract<Request, { type: 'downlink' | 'audio' }>): void {
    this.#connection.request(request).catch((error: unknown) => {
      if (error instanceof ColloquyError && !isConnectionLoss(error)) this.emit('error', error);
    });
  }

  #remoteTracks(): TrackInfo[] {
    return [...this.#people.values()].filter((p) => p.id !== this.participantId).flatMap((p) => p.tracks);
  }

  #setTransportState(state: TransportState): void {
    if (state === this.#transportState) return;
    this.#transportState = state;
    // What took the media's path away may have taken the socket's too, and a socket does not notice by itself.
    if (state === 'disconnected') this.#connection.probe();
    this.emit('transport', state);
  }

  #deviceEnded(source: Source): void {
    this.emit('deviceEnded', { source });
    const mend = source === 'screen' ? this.setScreen(false)
      : source === 'screen_audio' ? this.unpublish(source)
      : this.setMuted(source, true);
    mend.catch(() => undefined);
  }

  #teardown(): void {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#closeTransport();
    this.#local.stop();
    this.#people = new Map();
    this.#setAudience(PLAIN_AUDIENCE);
    this.#speakers = [];
    this.#dominant = null;
    this.#scores.clear();
    this.#receiving.clear();
    this.#me = null;
    this.emit('changed', undefined);
  }
}
