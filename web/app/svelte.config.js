// Present so that the tools do not guess; TypeScript in components needs no preprocessor with Svelte 5.
export default {};
