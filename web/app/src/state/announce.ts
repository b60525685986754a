/** What happens in a room, said in words: toasts for what concerns us, the live region for the rest. */
import { ColloquyError, type Room, type Source } from '@colloquy/sdk';
import { t } from '../i18n/index.js';
import { problemOf } from '../lib/mediaText.js';
import { notices } from './notices.svelte.js';

export function announce(room: Room): void {
  const nameOf = (id: string): string => room.participants.get(id)?.name ?? '';
  const byModerator = new Set<string>();

  room.on('participantJoined', ({ participant }) => {
    // Those who were here before us are not news.
    if (room.state === 'joined' && room.participantId !== null && participant.id !== room.participantId && settled) notices.say(t.say.joined(participant.name));
  });
  room.on('participantLeft', ({ participant, reason }) => {
    const words = reason === 'kicked' ? t.say.kicked : reason === 'left' ? t.say.left : t.say.lost;
    if (participant.id !== room.participantId) notices.say(words(participant.name));
  });
  room.on('trackPublished', ({ track }) => {
    if (track.source === 'screen' && track.participant !== room.participantId) notices.toast(t.say.sharing(nameOf(track.participant)));
  });
  room.on('trackUnpublished', ({ track }) => {
    if (track.source === 'screen' && track.participant !== room.participantId) notices.say(t.say.stoppedSharing(nameOf(track.participant)));
  });
  room.on('trackMuted', ({ track }) => {
    if (track.participant !== room.participantId) return;
    if (track.mute.by_moderator === byModerator.has(track.id)) return;
    if (track.mute.by_moderator) {
      byModerator.add(track.id);
      notices.toast(track.kind === 'video' ? t.say.cameraStoppedByModerator : t.say.mutedByModerator, 'bad');
    } else {
      byModerator.delete(track.id);
      notices.toast(t.say.allowedByModerator, 'good');
    }
  });
  room.on('state', (state) => {
    if (state === 'reconnecting') notices.say(t.say.reconnecting);
  });
  room.on('restored', () => notices.toast(t.say.restored, 'good'));
  room.on('deviceEnded', ({ source }) => {
    if (source === 'microphone' || source === 'camera') notices.toast(t.media.unplugged[source], 'bad');
  });
  room.on('error', (error) => console.warn('colloquy:', error.code, error.message));

  let settled = false;
  room.on('joined', () => { settled = true; });
}

/** Says why something that the person asked for did not work. */
announce.failure = (error: unknown, source: Source | null): void => {
  if (!(error instanceof ColloquyError)) {
    console.error(error);
    notices.toast(t.media.other.fix, 'bad');
    return;
  }
  // Closing the browser's own dialog is an answer, not a failure; so is hanging up meanwhile.
  if (error.code === 'client.closed' || (source === 'screen' && error.code === 'media.not_allowed')) return;
  if (error.code.startsWith('media.') && (source === 'microphone' || source === 'camera')) {
    const problem = problemOf(error, source);
    notices.toast(problem.title, 'bad', problem.fix);
  } else if (source === 'screen' && error.code.startsWith('media.')) {
    notices.toast(t.media.screenFailed, 'bad');
  } else {
    notices.toast(wordsFor(error), 'bad');
  }
};

/** Our own words for a code where we have some, else the server's. */
export function wordsFor(error: ColloquyError): string {
  const own = (t.errors as Readonly<Record<string, string>>)[error.code];
  return own ?? [error.message, error.remedy].filter((part) => part !== '').join(' ');
}
