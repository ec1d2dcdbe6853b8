import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { kube, paths } from '../../sandbox/breakages/hands.ts'
import { visitors } from '../../sandbox/people.ts'
import { deployment, namespace } from '../../sandbox/world.ts'
import { doctorCommand } from '../../src/start/doctor-command.ts'
import { redisIsHere, startTestRedis } from '../support/redis.ts'
import { snapshotOf } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

let world: TestWorld
beforeAll(async () => {
  world = await startTestWorld()
}, 120_000)
afterEach(() => world.sandbox.kubernetes.deny([]))
afterAll(() => world.close(), 60_000)

type Environment = Readonly<Record<string, string>>

async function doctor(environment: Environment = {}, ...args: readonly string[]) {
  const lines: string[] = []
  const code = await doctorCommand(args, { ...world.sandbox.environment, ...environment }, (line) => lines.push(line))
  return { code, lines, text: lines.join('\n') }
}

/** purser.yaml with some texts of it replaced. */
function edited(...changes: readonly (readonly [from: string, to: string])[]): Environment {
  let text = readFileSync(world.sandbox.environment['PURSER_CONFIG'] ?? '', 'utf8')
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`purser.yaml has no ${from}`)
    text = text.replaceAll(from, to)
  }
  const path = join(world.sandbox.directory, 'edited.yaml')
  writeFileSync(path, text)
  return { PURSER_CONFIG: path }
}

const tables = () =>
  world.state(`select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where n.nspname in ('purser', 'bullmq') order by 1, 2`)

describe('npm run doctor', () => {
  it('says what it looked at before anything was started, changes nothing, and ends with 0', async () => {
    const before = [snapshotOf(world), await tables(), world.sandbox.stripe.endpoints()]
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...world.sandbox.environment }
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'src/main.ts', 'doctor'], {
      cwd: root,
      env,
    })
    expect(stdout).not.toMatch(/MISSING|NOT SEEN/)
    expect(stdout).toMatch(/^state database +note +It has no tables of Purser yet\. The start makes them\.$/m)
    expect(stdout).toMatch(/^Slack +ok +The bot token has all 7 scopes\.$/m)
    expect(stdout).toMatch(/^production: cluster +ok +All \d+ rights that a deploy uses are granted\.$/m)
    expect(stdout).toMatch(/^production: Stripe +ok +The key is of acct_\w+, in test mode\.$/m)
    expect(stdout).toMatch(/^Looked at \d+ things: \d+ work, \d+ notes, nothing missing\.$/m)
    expect([snapshotOf(world), await tables(), world.sandbox.stripe.endpoints()]).toEqual(before)
    expect(world.seenBy('dana')).toEqual([])
  })

  it('reads the file only when told so', async () => {
    const { code, lines } = await doctor({ STATE_DATABASE_URL: '', SLACK_BOT_TOKEN: '' }, '--offline')
    expect(lines).toEqual([
      'purser.yaml  ok        valuecanvas-api, 1 environment: production.',
      '',
      'Looked at 1 thing: 1 work, nothing missing.',
    ])
    expect(code).toBe(0)
  })

  it.each([
    ['a key that nobody knows', () => edited(['healthUrl:', 'healthyUrl:']), /purser\.yaml +MISSING +.*healthyUrl/],
    [
      'a variable that is not set',
      () => ({ STRIPE_SECRET_KEY: '' }),
      /environment +MISSING +STRIPE_SECRET_KEY: is not set/,
    ],
    ['a port that is none', () => ({ PORT: 'abc' }), /environment +MISSING +PORT/],
  ])('%s is named, and nobody else is asked', async (_name, broken, expected) => {
    const { code, text } = await doctor(broken())
    expect(text).toMatch(expected)
    expect(text).not.toMatch(/production: cluster/)
    expect(code).toBe(1)
  })

  it.each<[string, () => Environment, readonly RegExp[]]>([
    [
      'a token that Slack does not know, a Stripe key that is none, and databases that are not there',
      () => ({
        STATE_DATABASE_URL: withoutServer(world.sandbox.stateDatabaseUrl),
        SLACK_BOT_TOKEN: 'xoxb-of-nobody',
        STRIPE_SECRET_KEY: 'sk_test_0123456789abcdef',
        PRODUCTION_DATABASE_URL: world.sandbox.serviceDatabaseUrl.replace(/valuecanvas/, 'nowhere'),
      }),
      [
        /state database +(MISSING|NOT SEEN) +.*\n +→ /,
        /Slack +MISSING +Asking who the bot is: Slack says invalid_auth\./,
        /production: Stripe +MISSING +.*\n +→ /,
        /production: database +MISSING +.*nowhere/,
        /production: cluster +ok/,
        /production: health +ok/,
      ],
    ],
    [
      'an app-level token that Slack does not know, a channel without the bot, somebody who has left, and a key of a different Stripe account',
      () => ({
        SLACK_APP_TOKEN: 'xapp-1-of-nobody',
        ...edited(
          ['C0DEPLOYS', 'C0ELSEWHERE'],
          ['U0DANA', visitors.dora.id],
          ['acct_1Sandbox0Purser00', 'acct_1OfSomebodyElse00'],
        ),
      }),
      [
        /Slack +MISSING +Asking for the address of a connection: Slack says invalid_auth\./,
        /Slack +ok +The bot token has all 7 scopes/,
        /Slack +MISSING +The bot can't see the channel C0ELSEWHERE\.\n +→ .*\/invite/,
        /Slack +MISSING +U0DORA is deactivated, so Purser refuses them\./,
        /Slack +ok +Slack knows 1 person or group/,
        /production: Stripe +MISSING +.*belongs to acct_1Sandbox0Purser00\.\n +→ .*pinned to acct_1OfSomebodyElse00/,
        /production: Stripe +ok +The key has the rights/,
        /production: cluster +ok/,
        /production: database +ok/,
      ],
    ],
    [
      'a Deployment that is not there, and a health URL with nothing behind it',
      () => edited([`deployment: ${deployment}`, 'deployment: valuecanvas-web'], ['/health', '/well']),
      [
        /production: cluster +MISSING +Deployment valuecanvas-web does not exist\./,
        /production: registry +note +Nobody asked it/,
        /production: health +MISSING +.*\/well answers 404\./,
        /production: database +ok/,
        /Slack +ok +The bot token has all 7 scopes/,
      ],
    ],
  ])('of %s each is named with its remedy, and all else is still looked at', async (_name, broken, expected) => {
    const { code, text } = await doctor(broken())
    for (const words of expected) expect(text).toMatch(words)
    expect(code).toBeGreaterThan(0)
  })

  it('names the rights that the cluster does not grant', async () => {
    world.sandbox.kubernetes.deny([{ verb: 'patch', resource: 'deployments' }])
    const { code, text } = await doctor()
    expect(text).toMatch(
      new RegExp(
        `production: cluster +MISSING +Purser isn't allowed to patch deployments\\.apps/${deployment}\\.\n +→ .*${namespace}`,
      ),
    )
    expect(code).toBe(1)
  })

  it('says of Redis whether it answers', async () => {
    expect((await doctor({ REDIS_URL: 'redis://127.0.0.1:1' })).text).toMatch(
      /queue +MISSING +Redis doesn't answer: .*ECONNREFUSED.*\n +→ Check REDIS_URL/,
    )
    expect((await doctor()).text).toMatch(/queue +note +REDIS_URL isn't set/)
  }, 30_000)

  it.runIf(redisIsHere)(
    'says of a Redis that answers what it is',
    async () => {
      const redis = await startTestRedis()
      onTestFinished(() => redis.close())
      const { code, text } = await doctor({ REDIS_URL: redis.url })
      expect(text).toMatch(/queue +ok +Redis \d\S* answers\.\n/)
      expect(text).toMatch(/queue +ok +It keeps jobs when its memory is full, and through a restart\./)
      expect(code).toBe(0)
    },
    30_000,
  )

  it('does not call a runner fine at whose socket nobody listens', async () => {
    const { code, text } = await doctor({ PURSER_RUNNER: join(world.sandbox.directory, 'nobody.sock') })
    expect(text).toMatch(/environment +NOT SEEN +Reaching the runner at .*nobody\.sock: .*ENOENT/)
    expect(code).toBe(2)
  })

  it('shows no secret', async () => {
    const { text } = await doctor({ STRIPE_SECRET_KEY: 'sk_test_0123456789abcdef' })
    for (const secret of ['sk_test_0123456789abcdef', world.sandbox.environment['SLACK_BOT_TOKEN'] ?? '?'])
      expect(text).not.toContain(secret)
  })

  it('a start that Slack refuses says the same, with the remedy and without a stack', async () => {
    const refused = await world.startBot('refused', { SLACK_BOT_TOKEN: 'xoxb-of-nobody' }).then(
      () => 'started',
      (error: unknown) => String(error),
    )
    expect(refused).toMatch(/checking SLACK_BOT_TOKEN: Slack says invalid_auth\n.*SLACK_BOT_TOKEN/)
    expect(refused).not.toMatch(/^ +at /m)
  }, 180_000)

  it('says that the tables are those of this program once it has been started, and refuses newer ones', async () => {
    const bot = await world.startBot('one')
    await bot.stop()
    const started = await doctor()
    expect(started.text).toMatch(/state database +ok +Its tables are at (\d+), as this Purser wants them\./)
    expect(started.code).toBe(0)
    const other = await doctor(edited(['name: valuecanvas-api', 'name: somebody-elses']))
    expect(other.text).toMatch(
      /state database +MISSING +It holds the state of the service valuecanvas-api, and purser\.yaml is about somebody-elses\./,
    )
    await world.state(`insert into purser.schema_migrations (version, name) values (9999, 'of tomorrow')`)
    const { code, text } = await doctor()
    expect(text).toMatch(/state database +MISSING +Its tables are at 9999, and this Purser knows \d+\./)
    expect(code).toBe(1)
  }, 180_000)

  it('tells how it is used', async () => {
    expect((await doctor({}, '--help')).code).toBe(0)
    const { code, text } = await doctor({}, 'everything')
    expect(text).toContain('usage: npm run doctor')
    expect(code).toBe(2)
  })

  it('looks an image up by its digest, as a deploy sets it, and calls no pods no success', async () => {
    const digest = world.sandbox.registry.digestOf('valuecanvas/api', 'v1.1.0')
    const containers = [{ name: 'api', image: `valuecanvas/api@${digest}` }]
    const spec = { replicas: 0, template: { spec: { containers } } }
    await kube(world.sandbox, 'PATCH', paths.deployment, { spec }, 'strategic-merge')
    const { text } = await doctor()
    expect(text).toMatch(new RegExp(`production: registry +ok +It has the image that runs, ${digest.slice(0, 19)}\\.`))
    expect(text).toMatch(/production: cluster +note +Deployment valuecanvas-api runs \S+, \d of 0 pods available\./)
  }, 30_000)
})

function withoutServer(url: string): string {
  const address = new URL(url)
  address.port = '1'
  return address.href
}
