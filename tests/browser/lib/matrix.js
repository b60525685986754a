/** Who hears and who sees whom, as tables, and the wait until they are what they must be. */
import { until } from './until.js';

/** A tone at least this loud is heard. Through Opus a live one has -24 to -29 dBFS. */
const HEARD_DBFS = -45;
/** One at most this loud is silence: what an absent tone reads beside live ones is -70 and less. */
const SILENT_DBFS = -62;
/** Frames of the sender that must arrive while one second of frames goes by here. */
const LIVE_FRAMES = 4;

const everyoneElse = (one, other) => one !== other;

/**
 * Waits until each hears exactly whom they must.
 * @param {import('./person.js').Person[]} listeners
 * @param {(listener: Person, speaker: Person) => boolean} expected default: everybody but oneself.
 */
export async function expectHearing(listeners, expected = everyoneElse, speakers = listeners) {
  return expectMatrix('hears', listeners.filter((person) => person.canHear), speakers, expected, hearing);
}

/** Waits until each sees exactly whom they must. @param {'camera' | 'screen'} source whose picture. */
export async function expectSeeing(watchers, expected = everyoneElse, shown = watchers, source = 'camera') {
  return expectMatrix(source === 'screen' ? 'sees the screen of' : 'sees', watchers, shown, expected, (person, others) => seeing(person, others, source));
}

/** Both, after one another. @returns the tables as text. */
export async function expectCall(people, expected) {
  return `${await expectHearing(people, expected)}\n${await expectSeeing(people, expected)}`;
}

async function expectMatrix(verb, rows, columns, expected, measure) {
  let cells = [];
  const table = () => drawTable(verb, rows, columns, cells, expected);
  await until(() => `this table to be right (! marks what is wrong)\n${table()}`, async () => {
    cells = await Promise.all(rows.map((row) => measure(row, columns)));
    return rows.every((row, r) => columns.every((column, c) => cells[r][c].yes === expected(row, column)));
  });
  return table();
}

/** `yes` is null for what is neither: too loud for silence, too quiet to be heard. */
async function hearing(listener, speakers) {
  const count = Math.max(...speakers.map((speaker) => speaker.index)) + 1;
  const { listened, heard } = await listener.page.evaluate((n) => window.lab.hear(n), count);
  return speakers.map(({ index }) => {
    if (!listened) return { yes: null, text: 'deaf' };
    const level = Math.max(-200, ...heard.map(({ levels }) => levels[index]));
    return { yes: level >= HEARD_DBFS ? true : level <= SILENT_DBFS ? false : null, text: level <= -150 ? '-' : level.toFixed(0) };
  });
}

async function seeing(watcher, shown, source) {
  const pictures = (await watcher.page.evaluate(() => window.lab.see())).filter((picture) => picture.remote && picture.index !== null);
  return shown.map((person) => {
    const index = person.index + (source === 'screen' ? 0.5 : 0);
    const mine = pictures.filter((picture) => picture.index === index);
    const advanced = Math.max(0, ...mine.map((picture) => picture.advanced));
    // The colour and the label must tell of the same person.
    const mislabelled = mine.some((picture) => picture.participant !== person.id || picture.source !== source);
    const yes = mislabelled ? null : advanced >= LIVE_FRAMES ? true : advanced === 0 ? false : null;
    return { yes, text: mislabelled ? `under ${mine[0].participant}` : mine.length === 0 ? '-' : advanced === 0 ? 'frozen' : `+${advanced}` };
  });
}

function drawTable(verb, rows, columns, cells, expected) {
  const lines = [[verb, ...columns.map((person) => person.name)], ...rows.map((row, r) => [
    `${row.name}${row.kind === 'firefox' ? ' (Fx)' : ''}`,
    ...columns.map((column, c) => {
      const cell = cells[r]?.[c];
      return cell === undefined ? '?' : `${cell.text}${cell.yes === expected(row, column) ? '' : ' !'}`;
    }),
  ])];
  const widths = lines[0].map((_, c) => Math.max(...lines.map((line) => line[c].length)));
  return lines.map((line) => line.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c] + 2))).join('')).join('\n');
}
