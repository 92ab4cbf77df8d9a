// Turns the built pages into build/web/assets.c: plain and compressed, with types and entity tags.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const top = new URL('../../../build/web/', import.meta.url).pathname;
const types = {
  html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml', webmanifest: 'application/manifest+json', txt: 'text/plain; charset=utf-8',
};

function walk(dir) {
  return readdirSync(join(top, 'dist', dir)).sort().flatMap((name) => {
    const path = `${dir}/${name}`;
    return statSync(join(top, 'dist', path)).isDirectory() ? walk(path) : [path];
  });
}

function bytes(name, content) {
  const lines = [];
  for (let i = 0; i < content.length; i += 24) lines.push('\t' + [...content.subarray(i, i + 24)].join(',') + ',');
  return `static const uint8_t ${name}[] = {\n${lines.join('\n')}\n};\n`;
}

let arrays = '';
const rows = walk('').map((path, i) => {
  const type = types[path.split('.').pop()];
  if (!type) throw new Error(`${path}: no type for it in pack.mjs`);
  const plain = readFileSync(join(top, 'dist', path));
  const packed = gzipSync(plain, { level: 9 });
  const isSmaller = packed.length < plain.length;
  const etag = createHash('sha256').update(plain).digest('hex').slice(0, 16);
  arrays += bytes(`plain${i}`, plain) + (isSmaller ? bytes(`gzip${i}`, packed) : '');
  const isFixed = path.startsWith('/assets/');
  console.log(`${path}: ${plain.length} bytes, ${packed.length} compressed`);
  return `\t{ "${path}", "${type}", "\\"${etag}\\"", ${isFixed}, plain${i}, ${isSmaller ? `gzip${i}` : 'NULL'}, sizeof plain${i}, ${isSmaller ? `sizeof gzip${i}` : '0'} },\n`;
});
writeFileSync(join(top, 'assets.c'), `/* Made by firmware/admin/web/pack.mjs. */\n#include "assets.h"\n\n${arrays}
const struct asset assets[] = {\n${rows.join('')}};\nconst size_t assets_count = sizeof assets / sizeof assets[0];\n`);
