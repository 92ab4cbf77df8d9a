import { defineConfig } from 'vite';

// Everything goes into few files with names that change with their content; nothing is inlined (the policy forbids it).
export default defineConfig({
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    outDir: '../../../build/web/dist', emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0, cssCodeSplit: false,
    modulePreload: { polyfill: false }, reportCompressedSize: false,
  },
});
