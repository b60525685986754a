/** Room names: a friendly one to begin with, and the server's rule. */

const FIRST = ['amber', 'brisk', 'calm', 'clear', 'coral', 'early', 'fair', 'gentle', 'golden', 'green', 'keen', 'light', 'lunar', 'misty', 'noble', 'quiet', 'rapid', 'silver', 'sunny', 'vivid'];
const SECOND = ['anchor', 'bridge', 'canyon', 'cedar', 'cove', 'delta', 'field', 'forum', 'garden', 'harbor', 'island', 'lagoon', 'meadow', 'orchard', 'pine', 'plaza', 'river', 'summit', 'terrace', 'valley'];

/** @param random in [0, 1), asked three times. */
export function suggestRoom(random: () => number): string {
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? 'room';
  return `${pick(FIRST)}-${pick(SECOND)}-${Math.floor(random() * 900) + 100}`;
}

/** What people type, made into what the server takes. */
export function roomFrom(typed: string): string {
  return typed.trim().replace(/\s+/gu, '-');
}

export function isRoom(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,64}$/u.test(name);
}
