/** How code is made into the one script that a runtime evaluates. */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The entry of each object that has code, the class that runtimes are told, and under which global name they look for it. */
export const CODE = {
  'protocolstub/ColloquyProtoStub': { entry: 'src/protostub/index.ts', className: 'ColloquyProtoStub' },
  'idp-proxy/domain': { entry: 'src/idp/index.ts', className: 'ColloquyIdpProxy' },
  'hyperty/Connector': { entry: 'src/connector/index.ts', className: 'Connector' },
  'hyperty/GroupChatManager': { entry: 'src/chat/index.ts', className: 'GroupChatManager' },
  'hyperty/UserAvailabilityReporter': { entry: 'src/presence/reporter.ts', className: 'UserAvailabilityReporter' },
  'hyperty/UserAvailabilityObserver': { entry: 'src/presence/observer.ts', className: 'UserAvailabilityObserver' },
  'runtime/Runtime': { entry: 'src/runtime/index.ts', className: 'ColloquyRuntime', global: 'Runtime', exports: 'default' },
};

/** One script that leaves one name in the global scope. No `"use strict"` before it: evaluated code would then keep its names to itself. */
export async function script({ entry, global = 'activate', exports = 'named' }) {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    root: here('.'),
    build: {
      write: false,
      minify: false,
      target: 'es2017',
      lib: { entry: here(entry), formats: ['iife'], name: global, fileName: () => 'sourceCode.js' },
      rollupOptions: { output: { exports } },
    },
  });
  const [{ output }] = Array.isArray(result) ? result : [result];
  const code = output[0].code.trim();
  if (!code.startsWith(`var ${global} =`) && !code.startsWith(`var ${global}=`)) throw new Error(`${entry} does not begin with var ${global}: ${code.slice(0, 80)}`);
  if (output.length !== 1 || /\bimport\s*\(|\brequire\s*\(/.test(code)) throw new Error(`${entry} is not whole in one script`);
  return `${code}\n`;
}
