import { createRequire } from 'node:module'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PurserError } from '../../errors.ts'
import { offThread } from '../off-thread/off-thread.ts'
import { runChild } from '../process/child.ts'
import { LastWords } from '../../outside-text/excerpt.ts'
import { withoutIgnoreComments } from './ignore-comments.ts'
import type { LintReport, MigrationFinding, MigrationLint } from './port.ts'

const timeoutMs = 30_000
/** The most that the linter may say of one file. */
const mostBytes = 64_000_000

class LintFailed extends PurserError {
  readonly code = 'lint_failed'
}

/** Runs squawk, as its npm package ships it. It exits with 1 when it has findings. */
export function openMigrationLint(): MigrationLint {
  return {
    async check(sql, serverVersion, signal): Promise<LintReport> {
      const { text, ignored } = withoutIgnoreComments(sql)
      const directory = await mkdtemp(join(tmpdir(), 'purser-lint-'))
      try {
        await writeFile(join(directory, 'migration.sql'), text)
        // Without one of its own squawk heeds a configuration in any directory above.
        await writeFile(join(directory, '.squawk.toml'), '')
        return { findings: await lint(directory, serverVersion, signal), ignored }
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
  }
}

async function lint(
  directory: string,
  serverVersion: string,
  signal: AbortSignal,
): Promise<readonly MigrationFinding[]> {
  const version = /^\d+(\.\d+)?/.exec(serverVersion)?.[0] ?? '15.0'
  const options = [
    '--config',
    '.squawk.toml',
    '--reporter',
    'json',
    '--assume-in-transaction',
    '--pg-version',
    version.includes('.') ? version : `${version}.0`,
  ]
  const stdout: Buffer[] = []
  let bytes = 0
  const stderr = new LastWords(2_000)
  const { exitCode } = await runChild(
    {
      argv: [process.execPath, squawkScript(), ...options, 'migration.sql'],
      cwd: directory,
      env: {},
      timeoutMs,
      onStdout: (chunk) => {
        bytes += chunk.length
        if (bytes <= mostBytes) stdout.push(chunk)
      },
      onStderr: stderr.push,
    },
    signal,
  )
  if (bytes > mostBytes) throw failed('squawk says more than can be read', stderr)
  const report = Buffer.concat(stdout).toString()
  if (exitCode > 1) throw failed(`squawk exited with ${exitCode}`, stderr)
  try {
    return await offThread('findings', report, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw failed(`squawk exited with ${exitCode}, and its report cannot be read`, stderr, error)
  }
}

function failed(why: string, stderr: LastWords, cause?: unknown): LintFailed {
  return new LintFailed(`linting a migration: ${why}`, {
    evidence: stderr.lines(),
    hint: 'Check that squawk-cli is installed for this platform.',
    ...(cause === undefined ? {} : { cause }),
  })
}

function squawkScript(): string {
  const require = createRequire(import.meta.url)
  return join(dirname(require.resolve('squawk-cli/package.json')), 'js/bin/squawk')
}
