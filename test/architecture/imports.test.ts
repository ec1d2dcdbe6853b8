import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** [file, what it imports]. Paths are written as a person would, from the file. */
const forbidden: [file: string, specifier: string][] = [
  ['src/model/a.ts', '../store/runs.ts'],
  ['src/model/a.ts', '../config/purser-yaml.ts'],
  ['src/model/a.ts', '../adapters/postgres/port.ts'],
  ['src/model/effects/a.ts', '../../messages/board/board.ts'],
  ['src/model/a.ts', 'pg'],
  ['src/store/a.ts', '../runbook/phase.ts'],
  ['src/store/a.ts', '../jobs/queues.ts'],
  ['src/store/a.ts', '../config/purser-yaml.ts'],
  ['src/store/a.ts', '../messages/board/board.ts'],
  ['src/store/a.ts', '../adapters/postgres/port.ts'],
  ['src/commands/a.ts', '../runbook/plan/plan.ts'],
  ['src/commands/a.ts', '../adapters/slack/client.ts'],
  ['src/commands/buttons/a.ts', '../../adapters/postgres/database.ts'],
  ['src/runbook/a.ts', '../store/runs.ts'],
  ['src/runbook/a.ts', '../jobs/queues.ts'],
  ['src/runbook/a.ts', '../messages/board/board.ts'],
  ['src/runbook/rollout/a.ts', '../../adapters/kubernetes/client.ts'],
  ['src/runbook/rollout/a.ts', '../../adapters/kubernetes/deployments/deployments.ts'],
  ['src/runbook/a.ts', '../commands/a.ts'],
  ['src/runbook/a.ts', '../start/worlds.ts'],
  ['src/jobs/a.ts', '../commands/a.ts'],
  ['src/jobs/a.ts', '../adapters/slack/client.ts'],
  ['src/jobs/a.ts', '../main.ts'],
  ['src/messages/board/a.ts', '../../store/runs.ts'],
  ['src/messages/board/a.ts', '../../config/purser-yaml.ts'],
  ['src/messages/a.ts', '../adapters/slack/port.ts'],
  ['src/messages/a.ts', '../runbook/plan/plan.ts'],
  ['src/messages/a.ts', '../jobs/queues.ts'],
  ['src/adapters/stripe/a.ts', '../../model/run.ts'],
  ['src/adapters/stripe/a.ts', '../../store/runs.ts'],
  ['src/adapters/stripe/a.ts', '../../runbook/plan/plan.ts'],
  ['src/adapters/stripe/a.ts', '../../messages/board/board.ts'],
  ['src/adapters/stripe/a.ts', '../../config/environment.ts'],
  ['src/config/a.ts', '../model/run.ts'],
  ['src/runner/a.ts', '../config/environment.ts'],
  ['src/runner/a.ts', '../adapters/git/repository.ts'],
  ['src/runner/a.ts', '../adapters/runner/session.ts'],
  ['src/runner/a.ts', '../start/start.ts'],
  ['src/sensitive.ts', './outside-text/mask.ts'],
  ['src/outside-text/a.ts', '../config/environment.ts'],
  ['src/model/a.ts', '../outside-text/mask.ts'],
  ['src/text.ts', './model/run.ts'],
  ['src/main.ts', '../sandbox/main.ts'],
  ['src/start/a.ts', '../../test/helpers.ts'],
  ['src/jobs/b.ts', '../../sandbox/stripe/server.ts'],
  ['sandbox/stripe/a.ts', '../../src/model/run.ts'],
  ['sandbox/stripe/a.ts', '../../src/adapters/stripe/client.ts'],
  ['sandbox/a.ts', '../src/commands/deploy.ts'],
  ['sandbox/a.ts', '../src/commands/grammar/words.ts'],
]

const allowed: [file: string, specifier: string][] = [
  ['src/model/a.ts', '../errors.ts'],
  ['src/store/a.ts', '../model/run.ts'],
  ['src/store/a.ts', 'pg'],
  ['src/commands/a.ts', '../model/run.ts'],
  ['src/commands/a.ts', '../store/runs.ts'],
  ['src/commands/a.ts', '../jobs/queues.ts'],
  ['src/commands/a.ts', '../messages/board/board.ts'],
  ['src/commands/a.ts', '../adapters/slack/port.ts'],
  ['src/runbook/a.ts', '../model/run.ts'],
  ['src/runbook/rollout/a.ts', '../../adapters/kubernetes/port.ts'],
  ['src/runbook/rollout/a.ts', '../../adapters/kubernetes/deployments/port.ts'],
  ['src/runbook/a.ts', '../adapters/stripe/events.ts'],
  ['src/runbook/a.ts', '../adapters/stripe/releases.ts'],
  ['src/jobs/a.ts', '../runbook/plan/plan.ts'],
  ['src/jobs/a.ts', '../messages/board/board.ts'],
  ['src/messages/a.ts', '../model/run.ts'],
  ['src/messages/a.ts', '../text.ts'],
  ['src/adapters/stripe/a.ts', '../../outside-text/excerpt.ts'],
  ['src/outside-text/a.ts', '../sensitive.ts'],
  ['src/adapters/stripe/a.ts', '../http/request.ts'],
  ['src/adapters/stripe/a.ts', '../../errors.ts'],
  ['src/runner/a.ts', '../adapters/process/child.ts'],
  ['src/runner/a.ts', '../adapters/runner/protocol.ts'],
  ['src/main.ts', './start/worlds.ts'],
  ['src/start/a.ts', '../adapters/stripe/client.ts'],
  ['sandbox/stripe/a.ts', '../../src/adapters/stripe/port.ts'],
  ['sandbox/a.ts', '../src/commands/grammar.ts'],
]

/** Other rules of the house, each with a file that breaks it. */
const habits: [rule: string, file: string, source: string][] = [
  ['no-explicit-any', 'src/model/any.ts', 'export const anything = (value: any): unknown => value\n'],
  ['no-default-export', 'src/model/default.ts', 'export default 1\n'],
  ['no-barrel-file', 'src/model/index.ts', "export * from './barrel-a.ts'\nexport * from './barrel-b.ts'\n"],
  ['no-cycle', 'src/model/types-a.ts', "import type { B } from './types-b.ts'\nexport type A = B | 1\n"],
  ['no-cycle', 'src/model/cycle-a.ts', "import { b } from './cycle-b.ts'\nexport const a = (): unknown => b\n"],
  ['consistent-type-imports', 'src/model/types.ts', "import { Kind } from './barrel-a.ts'\nexport type X = Kind\n"],
  ['no-useless-spread', 'src/model/spread.ts', 'export const spread = { ...{ a: 1 } }\n'],
  ['no-unused-vars', 'src/model/unused.ts', 'const unused = 1\nexport const used = 2\n'],
  ['no-floating-promises', 'src/model/floating.ts', 'export const go = (): void => {\n  Promise.resolve(1)\n}\n'],
  ['no-misused-promises', 'src/model/misused.ts', 'export const go = (): void => [1].forEach(async () => {})\n'],
]

let fixture: string
let findings: Finding[]

interface Finding {
  readonly code: string
  readonly filename: string
  readonly line: number
}

const config = '.oxlintrc.json'

/** All cases are linted in one go: a forbidden import stands on the line of its place in the list of its file. */
beforeAll(async () => {
  fixture = await mkdtemp(join(tmpdir(), 'purser-imports-'))
  await cp(join(root, config), join(fixture, config))
  await cp(join(root, 'tsconfig.json'), join(fixture, 'tsconfig.json'))
  // oxlint looks for its type-aware half in the project it checks.
  await symlink(join(root, 'node_modules'), join(fixture, 'node_modules'))
  const files = new Map<string, string>(habits.map(([, file, source]) => [file, source]))
  files.set('src/model/barrel-a.ts', 'export type Kind = 1\nexport const kind = 1\n')
  files.set('src/model/barrel-b.ts', 'export const other = 1\n')
  files.set('src/model/types-b.ts', "import type { A } from './types-a.ts'\nexport type B = A | 2\n")
  files.set('src/model/cycle-b.ts', "import { a } from './cycle-a.ts'\nexport const b = (): unknown => a\n")
  for (const [file, lines] of byFile([...forbidden, ...allowed])) {
    files.set(file, lines.map((specifier, index) => `export { x as x${index} } from '${specifier}'\n`).join(''))
  }
  for (const [file, source] of files) {
    await mkdir(dirname(join(fixture, file)), { recursive: true })
    await writeFile(join(fixture, file), source)
  }
  findings = await lint(fixture)
})

afterAll(() => rm(fixture, { recursive: true, force: true }))

function byFile(cases: readonly (readonly [string, string])[]): Map<string, string[]> {
  const files = new Map<string, string[]>()
  for (const [file, specifier] of cases) files.set(file, [...(files.get(file) ?? []), specifier])
  return files
}

function lint(directory: string): Promise<Finding[]> {
  const oxlint = join(root, 'node_modules', '.bin', 'oxlint')
  return new Promise((resolve, reject) => {
    execFile(oxlint, ['--type-aware', '--format=json'], { cwd: directory, maxBuffer: 1 << 24 }, (error, stdout) => {
      if (stdout === '') return reject(error ?? new Error('oxlint said nothing'))
      const { diagnostics } = JSON.parse(stdout) as {
        diagnostics: { code: string; filename: string; labels: { span: { line: number } }[] }[]
      }
      resolve(diagnostics.map(({ code, filename, labels }) => ({ code, filename, line: labels[0]?.span.line ?? 0 })))
    })
  })
}

function isRefused(file: string, specifier: string): boolean {
  const line = (byFile([...forbidden, ...allowed]).get(file) ?? []).indexOf(specifier) + 1
  return findings.some(
    (finding) =>
      finding.code.includes('no-restricted-imports') && finding.filename.endsWith(file) && finding.line === line,
  )
}

it.each(forbidden)('refuses in %s an import of %s', (file, specifier) => {
  expect(isRefused(file, specifier)).toBe(true)
})

it.each(allowed)('lets %s import %s', (file, specifier) => {
  expect(isRefused(file, specifier)).toBe(false)
})

it.each(habits)('enforces %s', (rule, file) => {
  expect(findings.some(({ code, filename }) => code.includes(rule) && filename.endsWith(file))).toBe(true)
})
