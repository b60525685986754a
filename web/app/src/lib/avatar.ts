/** Initials and a stable colour for people without a picture. Pure. */

/** Pairs of background and deeper background; white text has at least 4.5:1 on both. */
const COLOURS: readonly (readonly [string, string])[] = [
  ['#0b6b5f', '#084d45'], ['#2f5fa8', '#234a85'], ['#8a4a9e', '#6c387c'], ['#a8462f', '#853522'], ['#4d6b1f', '#3b5317'],
  ['#9a3d68', '#7a2f52'], ['#5a55b5', '#464292'], ['#8a5a12', '#6c460d'], ['#1f6f8f', '#175570'], ['#6b5344', '#524034'],
];

export function initials(name: string): string {
  const words = name.trim().split(/[\s._-]+/u).filter((word) => word !== '');
  const first = words[0] ?? '?';
  const last = words.length > 1 ? words[words.length - 1] ?? '' : '';
  return [first, last].map((word) => [...word][0] ?? '').join('').toLocaleUpperCase();
}

export function colours(name: string): readonly [string, string] {
  let hash = 2_166_136_261;
  for (const char of name.trim().toLowerCase()) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16_777_619);
  // FNV's low bits are poor; its high ones are folded in.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return COLOURS[((hash ^ (hash >>> 13)) >>> 0) % COLOURS.length] ?? ['#0b6b5f', '#084d45'];
}
