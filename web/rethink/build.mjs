/**
 * Builds the objects of the catalogue into `dist/catalogue_objects/<type>/<name>/`, in the form in which the runtimes of 2018 run them: they evaluate
 * `sourceCode` as a script in the global scope of a worker or a page, and then call `activate.default` (or make a `Runtime`).
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CODE, script } from './script.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const DIST = here('dist/catalogue_objects');

await rm(DIST, { recursive: true, force: true });
for (const kind of (await readdir(here('objects'))).sort()) {
  for (const name of (await readdir(here(`objects/${kind}`))).sort()) {
    const [source, target] = [here(`objects/${kind}/${name}`), `${DIST}/${kind}/${name}`];
    await mkdir(target, { recursive: true });
    await cp(`${source}/description.json`, `${target}/description.json`);
    const made = CODE[`${kind}/${name}`];
    if (!made && !existsSync(`${source}/sourceCode.json`)) throw new Error(`${kind}/${name} has no code: name its entry in build.mjs`);
    const code = made ? await script(made) : await readFile(`${source}/sourceCode.json`, 'utf8');
    await writeFile(`${target}/sourceCode.${made ? 'js' : 'json'}`, code);
    const md5 = createHash('md5').update(code).digest('hex');
    const description = { encoding: 'UTF-8', sourceCodeClassname: made?.className ?? name, signature: '', md5 };
    await writeFile(`${target}/sourcePackage.json`, `${JSON.stringify(description, null, 2)}\n`);
  }
}
