/** The results, in the Test Anything Protocol (version 14) so far as people and machines both like to read it. */
export class Report {
  passed = 0;
  failed = 0;
  #number = 0;
  #broken = false;

  constructor(write = (line) => console.log(line)) {
    this.write = write;
  }

  scene(name) {
    this.#broken = false;
    this.write(`# ${name}`);
  }

  say(text) {
    for (const line of text.split('\n')) this.write(`#   ${line}`);
  }

  async step(name, play, stage) {
    this.#number += 1;
    if (this.#broken) {
      this.failed += 1;
      this.write(`not ok ${this.#number} - ${name} # not played: the scene broke before`);
      return;
    }
    const began = Date.now();
    try {
      await play();
      this.passed += 1;
      this.write(`ok ${this.#number} - ${name} # ${((Date.now() - began) / 1000).toFixed(1)} s`);
    } catch (error) {
      this.failed += 1;
      this.#broken = true;
      this.write(`not ok ${this.#number} - ${name}`);
      this.say(error instanceof Error ? (error.stack ?? error.message) : String(error));
      this.say(await stage.evidence());
    }
  }

  /** The last line. */
  end() {
    this.write(`1..${this.#number}`);
    this.write(`${this.passed} passed, ${this.failed} failed`);
  }
}
