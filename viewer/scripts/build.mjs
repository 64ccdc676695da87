/** Writes app.js, app.css and LICENSES.txt, the same bytes from the same sources. */

import { build } from "esbuild";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const output = join(root, "..", "trees", "export", "viewer");

const result = await build({
  absWorkingDir: root,
  entryPoints: { app: "src/main.tsx" },
  outdir: output,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  metafile: true,
  write: false,
});

await mkdir(output, { recursive: true });
for (const file of result.outputFiles) {
  if (/<\/(script|style)/i.test(file.text)) throw new Error(`${file.path} would end the element that holds it`);
  await writeFile(join(output, relative(output, file.path)), file.contents);
  console.log(`${relative(output, file.path)}: ${file.contents.length} bytes`);
}
await writeFile(join(output, "LICENSES.txt"), await licences(bundledPackages(result.metafile)));

/** Names of the packages of which something is in the output. */
function bundledPackages(metafile) {
  const inputs = Object.values(metafile.outputs).flatMap((one) => Object.keys(one.inputs));
  const names = inputs.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path.split(sep).join("/"))?.[1] ?? []);
  return [...new Set(names)].sort();
}

/** Each package's name, version and whole licence text; fails for one that has none. */
async function licences(names) {
  const parts = await Promise.all(names.map(licence));
  return parts.join(`\n${"-".repeat(78)}\n\n`);
}

async function licence(name) {
  const folder = join(root, "node_modules", name);
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).sort().find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} has no licence text`);
  return `${name} ${version} (${license})\n\n${(await readFile(join(folder, file), "utf8")).trim()}\n`;
}
