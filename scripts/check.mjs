// Format, lint and types, side by side; all of them are run even when one fails.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const bin = (name) => join(root, 'node_modules', '.bin', name)

/** Each checker of the compiler reads types again that others have read, and the linter reads them beside it. */
const checkers = String(Math.max(1, Math.floor(availableParallelism() / 2)))
const types = ['--noEmit', '--pretty', '--incremental', '--checkers', checkers, '--tsBuildInfoFile']
/** Of a file that has not changed nothing is asked again. */
const known = (name) => join(root, 'node_modules', '.cache', 'types', name)

const checks = [
  { name: 'format', fix: 'npm run format', argv: [bin('oxfmt'), '--check', '.'] },
  { name: 'lint', argv: [bin('oxlint'), '--type-aware', '--deny-warnings'] },
  { name: 'types', argv: [bin('tsc'), ...types, known('all')] },
  { name: 'types of the page', argv: [bin('tsc'), ...types, known('page'), '--project', 'sandbox/slack/page'] },
]

function run({ name, fix, argv: [program, ...args] }) {
  const begin = performance.now()
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    child.on('error', (error) => output.push(Buffer.from(`${error.message}\n`)))
    child.on('close', (code) => {
      const seconds = ((performance.now() - begin) / 1000).toFixed(1)
      if (code !== 0) process.stdout.write(Buffer.concat(output))
      const repair = code !== 0 && fix !== undefined ? ` (repair: ${fix})` : ''
      process.stdout.write(`${code === 0 ? '✓' : '✗'} ${name} ${seconds} s${repair}\n`)
      resolve(code === 0)
    })
  })
}

const results = await Promise.all(checks.map(run))
if (results.includes(false)) process.exitCode = 1
