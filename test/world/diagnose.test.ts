import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { breakWorld, mendWorld } from '../../sandbox/breakages/breakages.ts'
import { channels, people } from '../../sandbox/people.ts'
import { namespace } from '../../sandbox/world.ts'
import type { Diagnosis } from '../../src/model/diagnosis.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

/** Every kind of trouble, really made and mended again, in one world: the diagnosis names that one and no other. */
describe('what is broken is found, and the right thing is named', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await startTestWorld({ monitorSeconds: 2 })
    await world.startBot('purser')
    await world.types('dana', '/billing deploy v1.2.0')
    await world.waitFor('the plan', () => deployBoard().includes('waiting for approval'))
    await world.presses('alex', 'approve')
    await world.waitFor('the deploy to succeed', () => deployBoard().includes(': succeeded'), 450_000)
  }, 540_000)
  afterAll(() => world.close())
  afterEach(() => mendWorld(world.sandbox), 180_000)

  const deployBoard = () => world.seenBy('dana').findLast((it) => it.includes('→')) ?? ''
  const messages = () => world.sandbox.slack.control.messagesSeenBy(people.dana.id, channels.deploys.id)

  interface Found {
    readonly number: number
    readonly causes: readonly string[]
    /** Of the most likely one. */
    readonly said: string
    readonly board: () => Promise<string>
  }

  let looks = 0

  /** Types the command as Sam, who may do nothing but look, and Alex in turns: nobody may look more than ten times a minute. */
  async function diagnosed(command: string): Promise<Found> {
    const [newest] = await world.state(`select coalesce(max(number), 0)::int as number from purser.runs`)
    await world.types((looks += 1) % 2 === 1 ? 'sam' : 'alex', `/billing ${command}`)
    return found(Number(newest?.['number']) + 1)
  }

  async function press(who: 'alex' | 'dana', button: string, { number }: Found): Promise<Found> {
    const shown = () => messages().some((it) => textOf(it).includes(`Run #${number} `) && textOf(it).includes(button))
    await world.waitFor('the button', shown)
    await world.presses(who, button)
    return found(number + 1)
  }

  async function found(number: number): Promise<Found> {
    const row = async () =>
      (await world.state(`select status, diagnosis from purser.runs where number = ${number}`))[0] as
        | { readonly status: string; readonly diagnosis: Diagnosis | null }
        | undefined
    await expect.poll(async () => (await row())?.status, { timeout: 120_000 }).toMatch(/succeeded|failed/)
    const { causes = [] } = (await row())?.diagnosis ?? {}
    // Other boards name this run too: "Being fixed in run #16".
    const seen = () => world.seenBy('dana').findLast((it) => it.includes(`Run #${number} · requested by`)) ?? ''
    const board = async () => {
      await world.waitFor('the board', () =>
        /: (done, )?(no cause|cause|\d+ causes) found|: done, diagnosis clean|: failed/.test(seen()),
      )
      return seen()
    }
    return { number, causes: causes.map((cause) => cause.code), said: causes[0]?.sentence ?? '', board }
  }

  it.each(['diagnose webhook', 'diagnose cronjob', 'diagnose grace-period'])(
    'nothing, in a healthy world: %s',
    async (command) => {
      const { causes, board } = await diagnosed(command)
      expect(causes).toEqual([])
      expect(await board()).toMatch(
        /No cause found\. (All \d+ checks passed|None of the checks that answered shows a cause)\./,
      )
    },
    180_000,
  )

  it.each([
    ['wrong-secret', 'webhook', 'secret_mismatch', /Secret doesn't hold the secret with which the endpoint was made/],
    ['unreachable-url', 'webhook', 'url_unreachable', /refuses connections/],
    ['clock-skew', 'webhook', 'clock_skew', /clock is 11 min behind Stripe's/],
    ['dead-letters', 'webhook', 'dead_letters', /3 went to the dead letter queue/],
    ['bad-schedule', 'cronjob', 'schedule_never', /0 4 30 2 \* in UTC, is a time that never comes/],
    ['failing-job', 'cronjob webhook-retry', 'job_failing', /exit code 1.*ECONNREFUSED 127\.0\.0\.1:9/],
    ['image-pull', 'cronjob', 'image_pull', /can't be pulled/],
    ['missing-table', 'grace-period', 'table_missing', /grace_periods doesn't exist, although/],
    ['rls-without-policy', 'grace-period', 'rls_without_policy', /has no policy.*as valuecanvas_app/],
    ['unloaded-middleware', 'grace-period production', 'middleware_not_loaded', /None of the 3 pods loaded/],
  ])(
    '%s',
    async (breakage, subject, cause, says) => {
      await breakWorld(world.sandbox, breakage)
      const { causes, said, board } = await diagnosed(`diagnose ${subject}`)
      expect({ causes, said }, await board()).toEqual({ causes: [cause], said: expect.stringMatching(says) as unknown })
    },
    180_000,
  )

  it('a suspended CronJob, which an approver resumes from the board, and then runs by hand', async () => {
    await breakWorld(world.sandbox, 'suspended-cronjob')
    const suspended = await diagnosed('diagnose cronjob')
    expect(suspended.causes).toEqual(['cronjob_suspended'])
    expect(await suspended.board()).toContain('Most likely cause: CronJob webhook-retry is suspended')

    await world.presses('sam', 'fix_resume_cronjob')
    await world.waitFor('the refusal', () => /You can't approve/.test(world.toldOnly('sam') ?? ''))
    expect(cronJob()).toMatchObject({ suspend: true })

    const resumed = await press('alex', 'fix_resume_cronjob', suspended)
    expect(cronJob()).toMatchObject({ suspend: false })
    expect(resumed.causes).toEqual([])
    expect(await resumed.board()).toContain('CronJob webhook-retry resumed')

    const ran = await press('alex', 'fix_run_cronjob', resumed)
    expect(ran.causes).toEqual([])
    expect(await ran.board()).toContain(`Job webhook-retry-run-${ran.number} succeeded`)
    const effects = await world.state(
      `select run::int, kind, target, status from purser.effects where run > 1 order by id`,
    )
    expect(effects).toEqual([
      { run: resumed.number, kind: 'schedule', target: 'webhook-retry', status: 'applied' },
      { run: ran.number, kind: 'job', target: `webhook-retry-run-${ran.number}`, status: 'applied' },
    ])
  }, 270_000)

  it('once somebody has acted on a diagnosis, its board says who and offers nothing any more', async () => {
    const [row] = await world.state(
      `select number::int, board_ts from purser.runs where diagnosis->'causes'->0->>'code' = 'cronjob_suspended'`,
    )
    const board = () => textOf(messages().find((message) => message.ts === row?.['board_ts']))
    await world.waitFor('the board', () => !board().includes('fix_resume_cronjob'))
    expect(board()).toContain(`#${Number(row?.['number']) + 1}`)
  })

  it('a disabled endpoint, which is enabled, and the events that it missed, which are sent again', async () => {
    // What the scenes above have left unprocessed was seen to: sent again it would stay what it is, as the service has it.
    await world.service('update webhook_events set processed = true')
    await breakWorld(world.sandbox, 'disabled-endpoint')
    const before = world.sandbox.stripe.events().length
    await expect.poll(() => world.sandbox.stripe.events().length, { timeout: 30_000 }).toBeGreaterThan(before + 2)
    const disabled = await diagnosed('diagnose webhook')
    expect(disabled.causes).toEqual(['endpoint_disabled', 'events_missed'])

    const enabled = await press('alex', 'fix_enable_endpoint', disabled)
    expect(enabled.causes).toEqual(['events_missed'])
    expect(await enabled.board()).toMatch(/endpoint we_\w+ enabled/)

    const sent = await press('alex', 'fix_resend_events', enabled)
    expect(sent.causes).toEqual([])
    expect(await sent.board()).toMatch(/(\d+) of \1 events processed/)
  }, 270_000)

  function cronJob() {
    return world.sandbox.kubernetes.read('CronJob', namespace, 'webhook-retry')?.['spec']
  }
})

function textOf(message: unknown): string {
  return JSON.stringify(message ?? '')
}
