/**
 * What stands where the code of a runtime is expected. Pages that load a runtime evaluate it and make a `Runtime`; that of the originals is not ours
 * to give. A domain that wants its pages to run it puts it into its catalogue as `runtime/Runtime`, which then hides this one.
 */
const REMEDY =
  'This domain\'s catalogue has no runtime of the originals: put its description and code into catalogue_objects/runtime/Runtime, or use the browser SDK of Colloquy.';

export default class Runtime {
  constructor(readonly descriptor: unknown, readonly factory: unknown, readonly domain: string) {}

  init(): Promise<never> {
    return Promise.reject(new Error(REMEDY));
  }
}
