/** Somebody in front of the page: everything they do, they do with the mouse and the keyboard. */
import { until } from './until.js';

export class Person {
  /** The participant id that the server gave. */
  id = null;
  /** What the page complained about. */
  complaints = [];

  /** @param {import('playwright-core').Page} page */
  constructor({ page, context, kind, index, name, url, canHear }) {
    Object.assign(this, { page, context, kind, index, name, url, canHear });
    page.on('pageerror', (error) => this.complaints.push(`error: ${error.message}`));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(`${message.type()}: ${message.text()}`);
    });
  }

  /** One element, by its test id. */
  on(id) {
    return this.page.getByTestId(id);
  }

  tile(person) {
    return this.on(`tile-${person.id}`);
  }

  async open(query = '') {
    await this.page.goto(`${this.url}/${query}`);
    await this.on('join-button').waitFor();
  }

  /** Types name and room and presses Join. */
  async join(room) {
    await this.on('name-input').fill(this.name);
    await this.on('room-input').fill(room);
    await this.on('join-button').click();
    await this.inCall();
  }

  async inCall() {
    this.id = await until(`${this.name} is in the call`, () => this.page.evaluate(() => {
      const room = window.colloquy?.room;
      return room?.state === 'joined' && document.querySelector('[data-testid=call]') !== null && room.participantId;
    }));
  }

  press(id) {
    return this.on(id).click();
  }

  /** Asks the page until the answer is truthy. */
  until(what, ask, argument) {
    return until(`${this.name}: ${what}`, () => this.page.evaluate(ask, argument));
  }

  leave() {
    return this.press('leave-button');
  }

  /** The room as the page's SDK has it. */
  room(ask, argument) {
    return this.page.evaluate(`(${ask})(window.colloquy.room, ${JSON.stringify(argument ?? null)})`);
  }

  /** Opens the people panel unless it is open. */
  async people() {
    if (!(await this.on('participants-panel').isVisible())) await this.press('participants-button');
    await this.on('participants-panel').waitFor();
  }

  async kick(person) {
    await this.people();
    await this.press(`kick-${person.id}`);
    await this.press('kick-confirm');
  }
}
