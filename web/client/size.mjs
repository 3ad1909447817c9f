// Prints what a page pays for each entry, minified and compressed.
import { build } from "esbuild";
import { gzipSync } from "node:zlib";

const pages = {
  "receive and send": 'export { Receiver, Sequence, frank, checkFile } from "./dist/franking.js"',
  "and report (X25519)": 'export { Receiver, Sequence, frank, checkFile } from "./dist/franking.js"; export { compose, sealReport } from "./dist/report.js"; export { x25519 } from "./dist/x25519.js"',
  "and report (X-Wing)": 'export { Receiver, Sequence, frank, checkFile } from "./dist/franking.js"; export { compose, sealReport } from "./dist/report.js"; export { xwing } from "./dist/xwing.js"',
};
for (const [name, contents] of Object.entries(pages)) {
  const out = await build({ stdin: { contents, resolveDir: "." }, bundle: true, minify: true, format: "esm", target: "es2022", write: false });
  const code = out.outputFiles[0].contents;
  console.log(`${name}: ${(code.length / 1000).toFixed(1)} kB, ${(gzipSync(code).length / 1000).toFixed(1)} kB gzip`);
}
