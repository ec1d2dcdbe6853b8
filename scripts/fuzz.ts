import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/*
 * Tries every property of text from outside a hundred thousand times for each input. `npm test` tries the same files a few hundred
 * times. A property that fails names its seed, by which it can be tried again.
 */

const usage = 'usage: npm run fuzz [-- --runs 100000]'
const usualRuns = 100_000

/** Everything that reads what others have written, in one file for each kind of input. */
const files = [
  'test/fuzz',
  'test/commands/lock-time.test.ts',
  'test/commands/parse.test.ts',
  'test/config/yaml-text.test.ts',
  'test/git/batch.test.ts',
  'test/messages/marks.test.ts',
  'test/nearest.test.ts',
  'test/runbook/answer-words.test.ts',
]

function runsAsked(): string {
  const { runs } = parseArgs({ options: { runs: { type: 'string', default: String(usualRuns) } } }).values
  if (!/^[1-9]\d*$/.test(runs)) throw new Error(`--runs ${runs}: must be a number from 1 on`)
  return runs
}

function fuzz(runs: string): void {
  const vitest = join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs')
  const args = [vitest, 'run', '--testTimeout=3600000', '--reporter=verbose', ...files]
  const env = { ...process.env, PURSER_FUZZ_RUNS: runs }
  const child = spawn(process.execPath, args, { stdio: 'inherit', cwd: join(import.meta.dirname, '..'), env })
  child.on('close', (code) => process.exit(code ?? 1))
}

try {
  fuzz(runsAsked())
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`)
  process.exit(2)
}
