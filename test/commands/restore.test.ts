import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { backups } from '../../src/commands/backups.ts'
import type { Caller, CommandContext, RestoreStrategy } from '../../src/commands/command-context.ts'
import { confirmRestore, openRestoreDialog } from '../../src/commands/restore.ts'
import { submitted } from '../../src/commands/dialogs/submitted.ts'
import type { RestorePlan } from '../../src/model/restore-plan.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { alex, approves, commandContexts, configWith, dana, said, sam } from './command-context.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
afterAll(() => stores.close())

const { openContext, changesNothing } = commandContexts(() => stores)
const file = 'backup_20261122_081530_production_run1.dump'

/** A context in front of one kept backup: 100 customers in it, 140 now. */
beforeEach(async () => {
  await stores.reset()
  const claim = await stores.under('preflight')
  const record = { file, database: 'app', bytes: 5_000_000, sha256: 'a'.repeat(64), tables: 2 }
  const rows = [
    { table: 'public.customers', rows: 100 },
    { table: 'public.plans', rows: 3 },
  ]
  const finishedAt = new Date(Date.now() - 3_600_000).toISOString()
  await stores.records(claim).recordBackup({ ...record, finishedAt, restoreMs: 12_000, rows })
  await stores.phases.finish(claim, { type: 'phase_failed', phase: 'preflight' }, {})
})

const plan: RestorePlan = {
  kind: 'restore',
  environment: 'production',
  backup: { file, run: 1, sha256: 'a'.repeat(64), bytes: 1, finishedAt: '2026-11-22T08:15:30Z', restoreMs: 12_000 },
  database: { live: 'app', restored: 'app_restore_2', kept: 'app_before_2' },
  tables: [],
  deployment: { name: 'valuecanvas-api', replicas: 3 },
  cronJobs: [],
  migrationsLost: [],
  risks: [],
}

const counting: Partial<CommandContext> = {
  rowsNow: async () => [
    { table: 'public.customers', rows: 140 },
    { table: 'public.plans', rows: 3 },
  ],
}
const command = (backup?: string) => ({ name: 'restore', backup, environment: undefined }) as const

async function dialog(context: CommandContext, caller: Caller = dana) {
  const answer = await openRestoreDialog(caller, command(), context)
  if (answer.kind !== 'open') throw new Error('no dialog was opened')
  return { metadata: answer.view.private_metadata ?? '', filled: JSON.stringify(await answer.fill?.()) }
}

const confirms = (caller: Caller, metadata: string, typed: string, context: CommandContext) =>
  said(context, caller, () =>
    confirmRestore(submitted(caller.user, metadata, { environment: { environment: { value: typed } } }), context),
  )

describe('a restore', () => {
  it('shows first what it costs, and changes nothing by showing it', async () => {
    const context = openContext(counting)
    const audit = await changesNothing(async () => {
      const { filled } = await dialog(context)
      expect(filled).toContain(file)
      expect(filled).toContain('public.customers: 140 now, 100 in the backup (40 more now)')
      expect(filled).not.toContain('public.plans:')
      expect(filled).toContain('Restore-tested: 12s')
      expect(filled).toContain('2 other people must approve the plan')
    })
    expect(audit).toEqual([])
  })

  it('needs the name of the environment, to the letter', async () => {
    const context = openContext(counting)
    const { metadata } = await dialog(context)
    await changesNothing(async () => {
      expect(await confirms(dana, metadata, 'prod', context)).toContain(
        'You typed “prod”. Type “production” to confirm.',
      )
      expect(await confirms(dana, metadata, '', context)).toContain('You typed “”.')
    })
    expect(await confirms(dana, metadata, 'production', context)).toBe('')
    const [run] = await stores.runs.list({ kinds: ['restore'] })
    expect(run).toMatchObject({ version: file, status: 'planning', approvalsNeeded: 2 })
    expect(run?.phases.map(({ name }) => name)).toEqual(['plan', 'prepare', 'swap', 'check'])
    expect(context.enqueued).toEqual([`#${run?.number} plan`])
  })

  it('waits for two people, of whom neither asked for it', async () => {
    const context = openContext({ ...counting, config: configWith({ approvers: ['UALEX', 'UBO', 'UDANA'] }) })
    const { metadata } = await dialog(context)
    await confirms(dana, metadata, 'production', context)
    const [asked] = await stores.runs.list({ kinds: ['restore'] })
    const claim = await stores.claim(asked?.number ?? 0, 'plan')
    await stores.phases.finish(claim, { type: 'planned' }, { plan })
    const run = async () => stores.runs.get(asked?.number ?? 0)
    expect(await approves(dana, await run(), context)).toContain("You can't approve your own run")
    await approves(alex, await run(), context)
    expect((await run()).status).toBe('awaiting_approval')
    await approves({ user: 'UBO', channel: 'CDEPLOYS' }, await run(), context)
    expect(await run()).toMatchObject({ status: 'executing' })
  })

  it('is refused to Sam, for a backup that is not there, and in a locked environment', async () => {
    const context = openContext(counting)
    const { metadata } = await dialog(context)
    await changesNothing(async () => {
      expect(await said(context, sam, () => openRestoreDialog(sam, command(), context))).toContain("You can't start")
      expect(await confirms(sam, metadata, 'production', context)).toContain("You can't start")
      expect(await said(context, dana, () => openRestoreDialog(dana, command('#77'), context))).toContain(
        'No backup #77 of production.',
      )
    })
    await context.locks.lock({ environment: 'production', reason: 'release party', by: 'UALEX', source: 'CDEPLOYS' })
    expect(await confirms(dana, metadata, 'production', context)).toContain('release party')
    expect(await stores.runs.list({ kinds: ['restore'] })).toEqual([])
  })

  it('in place tells of its long downtime first, and that it cannot be done where it cannot', async () => {
    const said = async (way: RestoreStrategy) =>
      (await dialog(openContext({ ...counting, restoreStrategy: async () => way }))).filled
    const inPlace = await said({ kind: 'in-place', why: "purser isn't allowed to create databases (CREATEDB)" })
    expect(inPlace).toContain('long, in place (')
    expect(inPlace).toContain("purser isn't allowed to create databases")
    expect(inPlace).toContain('Restore-tested: 12s, part of the downtime')
    expect(inPlace).not.toContain('two names are swapped')
    const none = await said({ kind: 'none', why: 'no swap (…), and not in place (purser does not own public.a)' })
    expect(none).toContain("Can't be restored here right now")
  })

  it('that ended without an effect leaves its database to be dropped, once; one that swapped does not', async () => {
    const restore = async (status: string, effect: boolean) => {
      const { rows } = await stores.pool.query<{ number: string }>(
        `insert into purser.runs (kind, service, environment, status, version, dry_run, requested_by, channel, plan, approvals_needed, started_at)
         values ('restore', 's', 'production', $1, $2, false, 'UDANA', 'C', '{}', 1, now()) returning number`,
        [status, file],
      )
      const run = Number(rows[0]?.number)
      if (effect)
        await stores.pool.query(
          `insert into purser.effects (run, phase, kind, target, "before", status) values ($1, 'swap', 'database', 'app', '{}', 'undone')`,
          [run],
        )
      return run
    }
    const cancelled = await restore('cancelled', false)
    const left = await restore('left', false)
    await restore('left', true)
    await restore('failed', false)
    const found = await stores.sweeps.abandonedRestores()
    expect(found.map(({ run }) => run).toSorted()).toEqual([cancelled, left])
    expect(await stores.sweeps.abandonedRestores()).toEqual([])
    await stores.sweeps.cleanedUp(left)
    await stores.pool.query(
      `update purser.runs set cleanup_at = now() - interval '1 second' where cleanup_at < 'infinity'`,
    )
    expect(await stores.sweeps.abandonedRestores()).toEqual([{ run: cancelled, environment: 'production' }])
  })

  it('lists what restores have left on the server, with the statement that drops it', async () => {
    const keptDatabases: CommandContext['keptDatabases'] = async () => [
      { name: 'app_before_2', run: 2, kind: 'before', bytes: 12_000_000 },
    ]
    const answer = await said(openContext({ keptDatabases }), dana, () =>
      backups(dana, undefined, openContext({ keptDatabases })),
    )
    expect(answer).toMatch(
      /app_before_2.*12(\.0)? MB.*the data before restore \*?#2\*?.*drop database \\?"app_before_2/,
    )
    const away: CommandContext['keptDatabases'] = async () => Promise.reject(new Error('away'))
    expect(
      await said(openContext(), dana, () => backups(dana, undefined, openContext({ keptDatabases: away }))),
    ).toContain("Couldn't check the server for databases")
  })

  it('offers no backup whose files have been removed', async () => {
    const context = openContext(counting)
    expect(await said(context, sam, () => backups(sam, undefined, context))).toMatch(
      /#1.*run1\.dump.*restore-tested in 12s/,
    )
    await stores.pool.query('update purser.backups set removed_at = now()')
    expect(await said(context, sam, () => backups(sam, undefined, context))).toContain('No backups of production yet')
    expect(await said(context, dana, () => openRestoreDialog(dana, command(), context))).toContain(
      'No backup of production.',
    )
  })
})
