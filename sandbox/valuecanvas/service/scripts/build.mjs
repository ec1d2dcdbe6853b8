import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const files = readdirSync('src', { recursive: true })
  .map((name) => join('src', name))
  .filter((file) => file.endsWith('.mjs') && !file.includes('__tests__'))

const broken = []
for (const file of files) {
  await run(process.execPath, ['--check', file]).catch((error) => broken.push(error.stderr))
}
if (broken.length > 0) {
  console.error(broken.join('\n'))
  process.exit(1)
}
rmSync('dist', { recursive: true, force: true })
mkdirSync('dist')
cpSync('src', 'dist/src', { recursive: true, filter: (source) => !source.includes('__tests__') })
const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'))
writeFileSync('dist/manifest.json', JSON.stringify({ name, version, files }, null, 2))
console.log(`${name} ${version}: ${files.length} modules built`)
