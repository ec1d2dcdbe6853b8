import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Caller, CommandContext } from '../../src/commands/command-context.ts'
import { diagnose, diagnoseAgain, fix, openDiagnoseDialog } from '../../src/commands/diagnose.ts'
import { lock } from '../../src/commands/lock.ts'
import type { Diagnosis, RemedyKind } from '../../src/model/diagnosis.ts'
import type { Run } from '../../src/model/run.ts'
import * as example from '../messages/example-runs.ts'
import { openStores, type TestStores } from '../store/stores.ts'
import { alex, commandContexts, configWith, dana, filled, said, sam, ticketOf } from './command-context.ts'

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(() => stores.reset())
afterAll(() => stores.close())

const { openContext, changesNothing } = commandContexts(() => stores)

const asks = (who: Caller, context: CommandContext, cronJob?: string) =>
  said(context, who, () => diagnose(who, { subject: 'cronjob', cronJob, environment: undefined }, context))
const presses = (who: Caller, run: Run, kind: RemedyKind, context: CommandContext) =>
  said(context, who, () => fix(who, ticketOf(run), kind, context))

/** A diagnosis that has ended and proposes to resume a CronJob. */
async function diagnosed(context: CommandContext, found: Diagnosis = example.diagnosis): Promise<Run> {
  await asks(sam, context, 'webhook-retry')
  const [run] = await stores.runs.list({ kinds: ['diagnose'], limit: 1 })
  const claim = await stores.claim(run?.number ?? 0, 'diagnose')
  await stores.phases.finish(claim, { type: 'phase_succeeded', phase: 'diagnose' }, { diagnosis: found })
  return stores.runs.get(claim.run)
}

const fixes = () => stores.runs.list({ kinds: ['fix'] })

describe('a diagnosis', () => {
  it('is for everybody, needs no approval, and runs beside what changes something', async () => {
    const context = openContext()
    const run = await diagnosed(context)
    await presses(alex, run, 'resume_cronjob', context)
    expect(await asks(sam, context)).toBe('')
    expect(await stores.runs.list({ statuses: ['executing'] })).toMatchObject([{ kind: 'diagnose' }, { kind: 'fix' }])
  })

  it('of a CronJob that is not in purser.yaml is refused, with the nearest one', async () => {
    const context = openContext()
    await changesNothing(async () => {
      expect(await asks(sam, context, 'webhok-retry')).toContain('/billing diagnose cronjob webhook-retry')
    })
  })

  it('without a subject asks for one', async () => {
    const context = openContext()
    const view = await filled(await openDiagnoseDialog(sam, undefined, context))
    expect(JSON.stringify(view)).toMatch(/Webhook not receiving.*CronJob webhook-retry not running.*Grace period/)
  })

  it('is done again as it was', async () => {
    const context = openContext()
    const run = await diagnosed(context)
    await said(context, sam, () => diagnoseAgain(sam, ticketOf(run), context))
    const [newest] = await stores.runs.list({ limit: 1 })
    expect(newest).toMatchObject({ kind: 'diagnose', plan: run.plan, status: 'executing' })
  })
})

describe('a button that mends something', () => {
  it('begins a run of its own, which has the environment for itself and looks again at the end', async () => {
    const context = openContext()
    const run = await diagnosed(context)
    expect(await presses(alex, run, 'resume_cronjob', context)).toBe('')
    expect(await fixes()).toMatchObject([
      {
        parent: run.number,
        requestedBy: 'UALEX',
        status: 'executing',
        plan: { remedy: { kind: 'resume_cronjob', target: 'webhook-retry' }, diagnose: run.plan },
        phases: [{ name: 'fix' }, { name: 'diagnose' }],
      },
    ])
    expect(await stores.runs.get(run.number)).toMatchObject({ fixedBy: run.number + 1 })
  })

  it('is refused to whoever may not approve', async () => {
    const context = openContext()
    const run = await diagnosed(context)
    const audit = await changesNothing(async () =>
      expect(await presses(sam, run, 'resume_cronjob', context)).toContain("You can't approve"),
    )
    expect(audit).toHaveLength(1)
  })

  it('works once: the second press is told which run does it', async () => {
    const context = openContext()
    const run = await diagnosed(context)
    await presses(alex, run, 'resume_cronjob', context)
    await changesNothing(async () =>
      expect(await presses(dana, run, 'run_cronjob', context)).toContain(
        `Run #${run.number + 1} is already fixing this`,
      ),
    )
  })

  it('of two presses at the same moment, one begins a run', async () => {
    const context = openContext()
    const run = await diagnosed(context)
    const answers = await Promise.all([alex, dana].map((who) => presses(who, run, 'resume_cronjob', context)))
    expect(answers.filter((text) => text === '')).toHaveLength(1)
    expect(await fixes()).toHaveLength(1)
  })

  it('does nothing when the diagnosis does not propose it, or when it is old', async () => {
    const context = openContext()
    const run = await diagnosed(context)
    await changesNothing(async () => {
      expect(await presses(alex, run, 'enable_endpoint', context)).toContain("doesn't propose that fix")
      const later = openContext({ now: () => new Date(Date.now() + 45 * 60_000) })
      expect(await presses(alex, run, 'resume_cronjob', later)).toContain('45 min old')
    })
  })

  it('waits for a lock to be opened', async () => {
    const context = openContext()
    const run = await diagnosed(context)
    await said(context, dana, () => lock(dana, 'month-end closing', context))
    await changesNothing(async () =>
      expect(await presses(alex, run, 'resume_cronjob', context)).toContain('month-end closing'),
    )
  })

  it('opens the dialog of a deploy where that is what helps, for those who may deploy', async () => {
    const context = openContext({ config: configWith({ deployers: ['UDANA'] }) })
    const [cause] = example.diagnoseWebhook.diagnosis?.causes ?? []
    if (cause === undefined) throw new Error('the example has a cause')
    const run = await diagnosed(context, { ...example.diagnosis, causes: [cause] })
    await changesNothing(async () => {
      expect(await presses(dana, run, 'deploy', context)).toContain('Reading the version tags')
      expect(await presses(alex, run, 'deploy', context)).toContain("You can't start")
    })
  })
})
