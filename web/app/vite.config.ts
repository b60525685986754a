import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const server = 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte()],
  // The SDK's source rather than its build: the page is checked and bundled with what is in the tree.
  resolve: { alias: { '@colloquy/sdk': decodeURIComponent(new URL('../sdk/src/index.ts', import.meta.url).pathname) } },
  build: { target: 'es2022', sourcemap: false },
  server: { proxy: { '/api': { target: server, ws: true } } },
});
