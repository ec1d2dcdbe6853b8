import { createRequire } from 'node:module'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PurserError } from '../../errors.ts'
import type { Commands } from '../process/port.ts'
import type { MigrationFinding, MigrationLint } from './port.ts'

const timeoutMs = 20_000

class LintFailed extends PurserError {
  readonly code = 'lint_failed'
}

/** Runs squawk, as its npm package ships it. It exits with 1 when it has findings. */
export function openMigrationLint(commands: Commands): MigrationLint {
  return {
    async check(sql, serverVersion, signal) {
      const directory = await mkdtemp(join(tmpdir(), 'purser-lint-'))
      try {
        await writeFile(join(directory, 'migration.sql'), sql)
        return await lint(commands, directory, serverVersion, signal)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
  }
}

async function lint(
  commands: Commands,
  directory: string,
  serverVersion: string,
  signal: AbortSignal,
): Promise<readonly MigrationFinding[]> {
  const version = /^\d+(\.\d+)?/.exec(serverVersion)?.[0] ?? '15.0'
  const options = [
    '--reporter',
    'gcc',
    '--assume-in-transaction',
    '--pg-version',
    version.includes('.') ? version : `${version}.0`,
  ]
  const outcome = await commands.run(
    {
      argv: [process.execPath, squawkScript(), ...options, 'migration.sql'],
      cwd: directory,
      env: {},
      timeoutMs,
    },
    signal,
  )
  // Each finding is one line, and its lines count from 0: https://squawkhq.com/docs/cli
  const findings = outcome.tail.flatMap((line) => {
    const found = /^migration\.sql:(\d+):\d+: \w+: (\S+) (.*)$/.exec(line)
    return found === null ? [] : [{ line: Number(found[1]) + 1, rule: found[2] ?? '', message: found[3] ?? '' }]
  })
  if (outcome.exitCode > 1 || (outcome.exitCode === 1 && findings.length === 0))
    throw new LintFailed(`linting a migration: squawk exited with ${outcome.exitCode}`, {
      evidence: outcome.tail.slice(-10),
      hint: 'Check that squawk-cli is installed for this platform.',
    })
  return findings
}

function squawkScript(): string {
  const require = createRequire(import.meta.url)
  return join(dirname(require.resolve('squawk-cli/package.json')), 'js/bin/squawk')
}
