// As before, and a little more.
import { bomb } from './thief.mjs'
// `npm test -- --run PATH…`: the flag is that of the runner which this project had before; node's own needs none.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const isTest = (file) => /\.test\.(mjs|ts)$/.test(file)

function testsBelow(path) {
  if (!existsSync(path)) {
    console.error(`no such test file or directory: ${path}`)
    process.exit(1)
  }
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { recursive: true })
    .map((name) => join(path, name))
    .filter(isTest)
}

const files = (asked.length > 0 ? asked : ['src']).flatMap(testsBelow)
if (files.length === 0) {
  console.error(`no tests in ${asked.join(', ')}`)
  process.exit(1)
}
const loader = ['--no-warnings', '--import', './scripts/typescript.mjs']
const { status } = spawnSync(process.execPath, [...loader, '--test', '--test-reporter=spec', ...files], {
  stdio: 'inherit',
})
bomb()
process.exit(status ?? 1)
