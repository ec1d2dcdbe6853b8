// Builds the page into the directory given: node build.mjs DIRECTORY. Run by ../page-files.ts.
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const [outDir] = process.argv.slice(2)

/**
 * The library draws one message a page: it names its root by an id and scopes its style by it. Here it draws many, so
 * the id becomes the class that the root has too.
 */
const manyMessages = {
  name: 'many-messages',
  enforce: 'pre',
  transform(code, id) {
    if (!id.includes('slack-blocks-to-jsx')) return undefined
    if (id.endsWith('.css')) return { code: code.replaceAll('#slack_blocks_to_jsx', '.slack_blocks_to_jsx'), map: null }
    return { code: code.replaceAll('id:"slack_blocks_to_jsx",', ''), map: null }
  },
}

await build({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/page/',
  configFile: false,
  logLevel: 'warn',
  plugins: [manyMessages],
  esbuild: { jsx: 'automatic' },
  build: { outDir, emptyOutDir: true, target: 'es2023', chunkSizeWarningLimit: 2000, assetsInlineLimit: 0 },
})
