/** What we publish: capturing, muting, device changes, and doing it all again on a new transport. */
import { captureCamera, captureMicrophone, captureScreen } from './capture.js';
import { ColloquyError, isConnectionLoss } from './errors.js';
import { cameraEncodings, screenEncodings, sizeOf, type VideoCodec } from './profiles.js';
import type { Request, Source, TrackInfo } from './protocol.js';
import type { Send, Transport } from './transport.js';

/** One of our own tracks. */
export interface LocalTrack {
  readonly source: Source;
  /** The captured media; `null` while the camera is off. */
  readonly media: MediaStreamTrack | null;
  /** The server's name for it; `null` until the offer was answered. */
  readonly id: string | null;
  /** We muted it. */
  readonly muted: boolean;
  /** A moderator muted it; only a moderator can lift that. */
  readonly mutedByModerator: boolean;
}

interface Entry {
  source: Source;
  media: MediaStreamTrack | null;
  id: string | null;
  muted: boolean;
  mutedByModerator: boolean;
  send: Send | null;
}

export interface LocalHost {
  request(request: Extract<Request, { type: 'mute' }>): Promise<unknown>;
  changed(): void;
  /** A device stopped by itself: unplugged, taken back, or "stop sharing" was pressed. */
  ended(source: Source): void;
}

export class LocalMedia {
  readonly #entries = new Map<Source, Entry>();
  #transport: Transport | null = null;

  /** @param codec what pictures are to be sent in, if not what the browser likes best. */
  constructor(private readonly host: LocalHost, private readonly codec?: VideoCodec) {}

  get(source: Source): LocalTrack | null {
    return this.#entries.get(source) ?? null;
  }

  all(): LocalTrack[] {
    return [...this.#entries.values()];
  }

  /** From here on everything goes over this transport; what was published on an earlier one is published again. */
  use(transport: Transport): void {
    this.#transport = transport;
    for (const entry of [...this.#entries.values()]) {
      entry.id = null;
      entry.send = null;
      entry.mutedByModerator = false;
      // A camera that is off has nothing to show; switching it on publishes it.
      if (entry.media === null) this.#entries.delete(entry.source);
      else this.#send(entry, entry.media).catch(() => undefined);
    }
    this.host.changed();
  }

  async publish(source: Source, media: MediaStreamTrack): Promise<LocalTrack> {
    const known = this.#entries.get(source);
    if (known !== undefined) {
      await this.#replace(known, media);
      await this.setMuted(source, false);
      return known;
    }
    const entry: Entry = { source, media: null, id: null, muted: false, mutedByModerator: false, send: null };
    this.#entries.set(source, entry);
    this.#adopt(entry, media);
    this.host.changed();
    try {
      await this.#send(entry, media);
    } catch (error) {
      if (this.#entries.get(source) === entry) this.#forget(entry);
      throw error;
    }
    return entry;
  }

  async unpublish(source: Source): Promise<void> {
    const entry = this.#entries.get(source);
    if (entry === undefined) return;
    this.#forget(entry);
    if (entry.send !== null) await this.#transport?.unpublish(entry.send);
  }

  async setMicrophone(on: boolean, deviceId?: string): Promise<void> {
    const entry = this.#entries.get('microphone');
    if (!on) return await this.setMuted('microphone', true);
    if (entry?.media) return await this.setMuted('microphone', false);
    await this.publish('microphone', await captureMicrophone(deviceId));
  }

  /** Off means off: the device is released and its light goes out. */
  async setCamera(on: boolean, deviceId?: string): Promise<void> {
    const entry = this.#entries.get('camera');
    if (on) {
      if (entry?.media) return await this.setMuted('camera', false);
      await this.publish('camera', await captureCamera(deviceId));
    } else if (entry !== undefined) {
      entry.media?.stop();
      entry.media = null;
      void entry.send?.transceiver.sender.replaceTrack(null);
      await this.setMuted('camera', true);
    }
  }

  async setScreen(on: boolean): Promise<void> {
    if (!on) {
      await Promise.all([this.unpublish('screen'), this.unpublish('screen_audio')]);
      return;
    }
    const { video, audio } = await captureScreen();
    await Promise.all([this.publish('screen', video), audio === null ? null : this.publish('screen_audio', audio)]);
  }

  /** Another microphone or camera, in the same track: nobody is renegotiated. */
  async switchDevice(source: 'microphone' | 'camera', deviceId: string): Promise<void> {
    const entry = this.#entries.get(source);
    if (!entry?.media) return;
    await this.#replace(entry, await (source === 'microphone' ? captureMicrophone(deviceId) : captureCamera(deviceId)));
  }

  async setMuted(source: Source, muted: boolean): Promise<void> {
    const entry = this.#entries.get(source);
    if (entry === undefined) return;
    const before = entry.muted;
    entry.muted = muted;
    // At once and before the server hears of it: nothing that is said after the click leaves this machine.
    if (entry.media !== null) entry.media.enabled = !muted;
    this.host.changed();
    try {
      await this.#tellMute(entry);
    } catch (error) {
      // Muting holds here whatever the server says; unmuting without its consent would be a lie.
      if (!muted) {
        entry.muted = before;
        if (entry.media !== null) entry.media.enabled = !before;
        this.host.changed();
      }
      throw error;
    }
  }

  /** The server gave a track its id. */
  published(send: Send, id: string): void {
    const entry = [...this.#entries.values()].find((e) => e.send === send);
    if (entry === undefined) return;
    entry.id = id;
    this.host.changed();
    if (entry.muted) this.#tellMute(entry).catch(() => undefined);
  }

  /** The server's view of one of our tracks. */
  sync(track: TrackInfo): void {
    const entry = [...this.#entries.values()].find((e) => e.id === track.id);
    if (entry === undefined) return;
    entry.mutedByModerator = track.mute.by_moderator;
    this.host.changed();
  }

  /** After a reconnect: say again what the server may have missed. */
  resync(tracks: readonly TrackInfo[]): void {
    for (const track of tracks) {
      this.sync(track);
      const entry = [...this.#entries.values()].find((e) => e.id === track.id);
      if (entry !== undefined && entry.muted !== track.mute.by_self) this.#tellMute(entry).catch(() => undefined);
    }
  }

  /** Releases every device. */
  stop(): void {
    for (const entry of [...this.#entries.values()]) this.#forget(entry);
    this.#transport = null;
  }

  async #tellMute(entry: Entry): Promise<void> {
    if (entry.id === null) return;
    await this.host.request({ type: 'mute', track: entry.id, muted: entry.muted }).catch((error: unknown) => {
      // `resync` says it again on the next socket.
      if (!isConnectionLoss(error)) throw error;
    });
  }

  async #send(entry: Entry, media: MediaStreamTrack): Promise<void> {
    if (this.#transport === null) throw new ColloquyError('client.state', 'Join a room before publishing.');
    const encodings = entry.source === 'camera' ? cameraEncodings(sizeOf(media), this.codec)
      : entry.source === 'screen' ? screenEncodings() : [];
    const { send, done } = this.#transport.publish(entry.source, media, encodings);
    entry.send = send;
    await done;
  }

  async #replace(entry: Entry, media: MediaStreamTrack): Promise<void> {
    const old = entry.media;
    this.#adopt(entry, media);
    media.enabled = !entry.muted;
    old?.stop();
    await entry.send?.transceiver.sender.replaceTrack(media);
    this.host.changed();
  }

  #adopt(entry: Entry, media: MediaStreamTrack): void {
    entry.media = media;
    media.addEventListener('ended', () => {
      if (entry.media !== media) return;
      entry.media = null;
      this.host.ended(entry.source);
    });
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.source);
    const media = entry.media;
    entry.media = null;
    media?.stop();
    this.host.changed();
  }
}
