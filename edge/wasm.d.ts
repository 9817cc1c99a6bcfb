/** What wrangler makes of an imported .wasm file: a compiled module, since Workers forbid compiling one from bytes. */
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
