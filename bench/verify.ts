import { join } from 'node:path'
import { startBot } from '../sandbox/bot.ts'
import { channels, people } from '../sandbox/people.ts'
import { play } from '../sandbox/play.ts'
import { startWorld, type World } from '../sandbox/world.ts'
import type { ServiceConfig } from '../src/config/service-schema.ts'
import type { Verification } from '../src/model/run.ts'
import { ask } from '../test/support/postgres.ts'
import { run } from './commands.ts'
import { inTurns, median, type Result } from './measure.ts'

/** A whole `/billing verify` in the sandbox, from the typing to the board with the answers, beside the runbook's lines. */
export async function measureVerify(directory: string, service: ServiceConfig, runs: number): Promise<Result> {
  const world = await startWorld({ directory, slackPort: 0, monitorSeconds: 3 })
  const bot = startBot(world.environment, join(directory, 'bot.log'))
  try {
    await bot.ready
    const [deployed] = await play(world, 'deploy v1.2.0', () => undefined)
    if (deployed?.ok !== true) throw new Error(`deploying v1.2.0: ${deployed?.why}`)
    const times = await inTurns(
      runs,
      async () => {
        for (const { sql } of service.verify.queries) await run('psql', [world.serviceDatabaseUrl, '-c', sql])
        const unsigned = ['-s', '-X', 'POST', '-d', '{"test": true}', `${world.publicUrl}/api/billing/webhooks/stripe`]
        await run('curl', unsigned)
      },
      () => typed(world),
    )
    return {
      what: 'a verification, to the answer in Slack',
      rival: { name: `${service.verify.queries.length} × psql -c, curl`, milliseconds: times.rival },
      ours: { name: '/billing verify, all checks', milliseconds: times.ours },
      runs,
      note: await costs(world, runs),
    }
  } finally {
    await bot.stop()
    await world.close()
  }
}

async function typed({ slack: { control } }: World): Promise<void> {
  const [user, channel] = [people.dana.id, channels.deploys.id]
  const before = new Set(control.messagesSeenBy(user, channel).map(({ ts }) => ts))
  await control.type(user, channel, '/billing verify')
  const answered = () =>
    control
      .messagesSeenBy(user, channel)
      .some(
        (one) =>
          !before.has(one.ts) && /Verify production: .*\d+ checks? passed/.test(JSON.stringify(one.blocks ?? [])),
      )
  await control.waitFor(() => answered() || undefined, 30_000, 'the verification')
}

/** What the checks cost, which run side by side: medians. */
async function costs(world: World, runs: number): Promise<string> {
  const rows = await ask(
    world.stateDatabaseUrl,
    `select verification, extract(epoch from finished_at - started_at) * 1000 as ms from purser.runs where kind = 'verify' order by number desc limit ${runs}`,
  )
  const checks = rows.flatMap(({ verification: it }) => [...(it as Verification).counts, ...(it as Verification).state])
  const of = (name: string) =>
    Math.round(median(checks.filter((check) => check.name === name).map((check) => check.milliseconds)))
  const whole = Math.round(median(rows.map(({ ms }) => Number(ms))))
  const each = ['webhook_events', 'webhook', 'endpoint', 'cronjob-webhook-retry', 'logs'].map(
    (one) => `${one} ${of(one)} ms`,
  )
  return `Verification: the run took ${whole} ms; of its checks ${each.join(', ')}.`
}
