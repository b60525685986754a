/** Access tokens as an operator makes them: by the program itself. */
import { execFileSync } from 'node:child_process';
import { findBinary } from './server.js';

const KEY = '[{ kid = "tests", algorithm = "HS256", secret = "0123456789abcdef0123456789abcdef" }]';

/** What a server needs to know of the tokens of {@link tokenFor}. */
export const GUARDED = { AUTH__KEYS: KEY };

/** @param {string} grants beside those of every participant, separated by commas; '' for none. */
export function tokenFor(room, name, grants = '') {
  const all = ['join', 'publish', 'subscribe', ...(grants === '' ? [] : [grants])].join(',');
  const args = ['token', '--room', room, '--identity', name.toLowerCase(), '--name', name, '--grant', all];
  return execFileSync(findBinary(), args, { env: { ...process.env, COLLOQUY__AUTH__KEYS: KEY }, stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim();
}
