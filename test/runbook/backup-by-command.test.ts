import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Backup } from '../../src/adapters/postgres/backups/port.ts'
import { BackupCommandError } from '../../src/adapters/postgres/backups/by-command/errors.ts'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import { backupsMessage } from '../../src/messages/answers/backups.ts'
import { restoreView } from '../../src/messages/dialogs/restore.ts'
import { restoreChapters } from '../../src/messages/plan/restore.ts'
import { planChapters } from '../../src/messages/plan/plan-text.ts'
import type { KeptBackup } from '../../src/model/backup.ts'
import { planBackup } from '../../src/runbook/preflight/planned-backup.ts'
import { requireYoung } from '../../src/runbook/preflight/backup-age.ts'
import { backupRecordOf } from '../../src/runbook/preflight/preflight.ts'
import { restoreStrategy } from '../../src/runbook/restore/strategy.ts'
import * as example from '../messages/example-runs.ts'
import { phaseContext } from './phase-context.ts'

/** What runs, plans and messages make of a backup of which the team's own command is the only witness. */

const never = new AbortController().signal
const { environments } = parsePurserYaml(
  readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'),
  'purser.yaml',
)
const [environment] = Object.values(environments)
if (environment === undefined) throw new Error('purser.yaml has an environment')

const command = {
  create: ['backup', 'create'] as [string, ...string[]],
  describe: ['backup', 'describe'] as [string, ...string[]],
  verify: ['backup', 'verify'] as [string, ...string[]],
  quietMinutes: 30,
  envFrom: {},
}
const restorable = { ...command, restore: ['backup', 'restore'] as [string, ...string[]] }
const backup: Extract<Backup, { by: 'command' }> = {
  by: 'command',
  file: '20260105-101500F',
  database: 'app',
  bytes: 3_000_000_000_000,
  sha256: 'a'.repeat(64),
  startedAt: '2026-01-05T10:15:00.000Z',
  finishedAt: '2026-01-05T12:15:00.000Z',
  proof: 'every row read in a second cluster',
}
const unproven = { ...backup, proof: undefined }
const kept = (of: Backup): KeptBackup => ({ ...backupRecordOf(of, []), run: 41, environment: 'production' })
const textOf = (value: unknown): string => JSON.stringify(value)

describe('how it comes back', () => {
  const strategy = (restore: 'auto' | 'swap' | 'in-place', given: typeof command, whyNotSwap?: string) =>
    restoreStrategy(
      { restores: { whyNotSwap: async () => whyNotSwap, whyNotInPlace: async () => undefined } as never },
      { restore, backups: { ...environment.backups, by: 'command', command: given } },
      backup,
      never,
    )

  it('is a swap', async () => {
    await expect(strategy('auto', restorable)).resolves.toBeUndefined()
    await expect(strategy('swap', restorable)).resolves.toBeUndefined()
  })

  it.each([
    ['no command for it', () => strategy('auto', command), /no `backups\.command\.restore`/],
    ['only in place', () => strategy('in-place', restorable), /says in-place/],
    ['no swap', () => strategy('auto', restorable, 'a pooler is between'), /a pooler is between/],
  ])('is refused with %s', async (_, refused, message) => {
    await expect(refused()).rejects.toMatchObject({
      code: 'cannot_restore',
      message: expect.stringMatching(message) as unknown,
    })
  })
})

describe('the migrations that it holds', () => {
  const applied = (version: string, appliedAt: string) => {
    return { version, name: `${version}_x.sql`, sha256: '', appliedAt, appliedBy: 'purser' }
  }
  const before = applied('10', '2026-01-05T10:00:00.000Z')
  const meanwhile = applied('20', '2026-01-05T11:00:00.000Z')
  const after = applied('30', '2026-01-05T13:00:00.000Z')
  const kept = [{ version: '10', name: '10_x.sql' }]

  it('are those that were applied before it began, if the command made it earlier', () => {
    expect(backupRecordOf(backup, [before]).migrations).toEqual(kept)
    expect(backupRecordOf(backup, [before, after]).migrations).toEqual(kept)
  })

  it('are not known when one was applied while it was made', () => {
    expect(backupRecordOf(backup, [before, meanwhile])).not.toHaveProperty('migrations')
  })
})

describe('the age of a backup', () => {
  const aged = (finishedAt: string) => () => requireYoung({ file: 'x', finishedAt }, { maxAgeMinutes: 60 }, 'looking')
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()

  it('counts from its end', () => {
    expect(aged(ago(59))).not.toThrow()
    expect(aged(ago(61))).toThrow(/is 1 h 1 min old|old/)
  })

  it('is too great when nobody can read it', () => {
    expect(aged('some day')).toThrow(/is .* old/)
  })
})

describe('the plan of a deploy', () => {
  const chapter = async (find: (file: string) => Promise<Backup | undefined>, known = [kept(backup)]) => {
    const context = phaseContext({
      environment: { ...environment, backups: { ...environment.backups, by: 'command', command } },
      world: { backups: { find } },
      records: { keptBackups: async () => known },
    })
    const planned = await planBackup(context)
    if (planned === undefined) throw new Error('nothing is planned')
    return planChapters({ ...example.plan, backup: planned })
      .find(({ title }) => title === 'Backup')
      ?.lines.at(-1)
  }

  it('tells the last one, its end, size and proof', async () => {
    expect(await chapter(async () => backup)).toBe(
      'last one: 20260105-101500F of run #41, finished 2026-01-05T12:15:00.000Z, 3.0 TB, proven: every row read in a second cluster',
    )
  })

  it('says plainly when it is not proven, whatever was recorded', async () => {
    expect(await chapter(async () => unproven)).toMatch(/, not proven$/)
  })

  it('never takes a look that failed for one that found nothing', async () => {
    const failed = async (): Promise<never> => {
      throw new BackupCommandError('backup_command_failed', 'looking at the backup: exited 1')
    }
    expect(await chapter(failed)).toBe('last one: unknown (looking at the backup: exited 1)')
    expect(await chapter(async () => undefined)).toMatch(/^last one: gone/)
    expect(await chapter(failed, [])).toBe('last one: none yet')
  })

  it('says nothing of it where backups are dumps', async () => {
    await expect(planBackup(phaseContext({ environment }))).resolves.toBeUndefined()
    expect(planChapters(example.plan).map(({ title }) => title)).not.toContain('Backup')
  })
})

describe('nobody counted its rows, so no message counts', () => {
  const price = { environment: 'production', approvals: 2, tables: [], now: new Date('2026-01-05T14:20:00Z') }
  const plan = {
    ...example.restorePlan,
    tables: [],
    backup: { ...example.restorePlan.backup, by: 'command' as const, proof: null, restoreMs: undefined },
  }

  it.each([
    ['the dialog', restoreView({ ...price, backup: kept(backup), strategy: { kind: 'swap' } }, '{}')],
    ['the plan', restoreChapters(plan)],
    ['the list', backupsMessage('production', [kept(backup)], price.now, [])],
  ])('%s', (_, shown) => {
    expect(textOf(shown)).not.toMatch(/counts are unchanged|0 tables|restore-tested|checksum|sha256|snapshot/i)
  })

  it('and how it was proven is told in the words of its command', () => {
    expect(textOf(restoreView({ ...price, backup: kept(backup) }, '{}'))).toContain(
      'every row read in a second cluster',
    )
    expect(textOf(restoreView({ ...price, backup: kept(unproven) }, '{}'))).toContain('Not proven.')
    expect(textOf(restoreChapters(plan))).toContain('Not proven.')
    expect(textOf(backupsMessage('production', [kept(unproven)], price.now, []))).toContain('not proven')
  })
})
