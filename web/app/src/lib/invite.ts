import { t } from '../i18n/index.js';
import { notices } from '../state/notices.svelte.js';
import { inviteLink } from './params.js';

/** Puts the link on the clipboard, or shows it where the browser does not let us. */
export async function copyInvite(room: string): Promise<void> {
  const link = inviteLink(location, room);
  try {
    await navigator.clipboard.writeText(link);
    notices.toast(t.say.linkCopied, 'good');
  } catch {
    notices.toast(t.say.linkFailed, 'neutral', link);
  }
}
