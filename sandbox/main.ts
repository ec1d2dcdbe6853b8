import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startBot } from './bot.ts'
import { breakWorld, mendWorld } from './breakages/breakages.ts'
import { verdictOf } from './outcomes.ts'
import { play } from './play.ts'
import type { Address } from './slack/page-state.ts'
import { tour } from './tour.ts'
import { followChannel } from './transcript.ts'
import { namespace, startWorld, type World } from './world.ts'

const usage = `usage: npm run sandbox [-- options]
  --play "deploy v1.2.0; verify; rollback"   types the commands, approves as Alex, exits 0 only on success
  --expect-failure                           with --play: the run of its first line has to fail; exits 1 when it succeeds
  --keep                                     after --play: leave the world up and print its addresses
  --monitor SECONDS                          length of the monitor phase (30)
  --port PORT                                of the Slack page (4400)
  --directory DIR                            where the world is kept (.sandbox)
  --http                                     Slack reaches Purser by signed HTTP instead of Socket Mode
REDIS_URL in the environment makes Purser use that Redis for its queue.
SANDBOX_SLACK_REFUSES=SEED:RATE (7:0.3) makes Slack refuse posts and edits at random, the same ones for the same seed.`

const write = (line: string) => process.stdout.write(`${line}\n`)

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      play: { type: 'string' },
      'expect-failure': { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      monitor: { type: 'string', default: '30' },
      port: { type: 'string', default: '4400' },
      directory: { type: 'string', default: fileURLToPath(new URL('../.sandbox', import.meta.url)) },
      http: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    write(usage)
    return 0
  }
  const monitorSeconds = Number(values.monitor)
  const slackPort = Number(values.port)
  if (!(monitorSeconds > 0) || !Number.isInteger(slackPort))
    throw new Error(`--monitor and --port take numbers\n${usage}`)
  if (values['expect-failure'] && values.play === undefined) throw new Error(`--expect-failure needs --play\n${usage}`)
  await refuseTaken(values.directory)
  const interrupted = interruption()
  const began = Date.now()
  const world = await startWorld({
    directory: values.directory,
    monitorSeconds,
    slackPort: await freeOr(slackPort),
    slackMode: values.http ? 'http' : 'socket',
    redisUrl: process.env['REDIS_URL'],
    slackRefuses: process.env['SANDBOX_SLACK_REFUSES'],
    onStep: (line) => write(`starting ${line} …`),
  })
  await writeFile(pidFile(values.directory), String(process.pid))
  world.slack.control.setAddresses(addressesOf(world))
  world.slack.control.setTour(tour, { break: (name) => breakWorld(world, name), mend: () => mendWorld(world) })
  const bot = startBot(world.environment, join(values.directory, 'purser.log'))
  const close = async () => {
    await bot.stop()
    await world.close()
  }
  try {
    write('starting Purser …')
    if ((await Promise.race([bot.ready, interrupted])) === 'interrupted') return 130
    write(`ready after ${((Date.now() - began) / 1_000).toFixed(1)} s\n`)
    if (values.play === undefined) {
      tellAddresses(world)
      await interrupted
      return 0
    }
    const stop = followChannel(world.slack, write)
    const outcomes = await Promise.race([play(world, values.play, write), interrupted])
    stop()
    if (outcomes === 'interrupted') return 130
    write('')
    const verdict = verdictOf(outcomes, values['expect-failure'])
    verdict.lines.forEach(write)
    if (values.keep) {
      tellAddresses(world)
      await interrupted
    }
    return verdict.code
  } finally {
    await close()
  }
}

/** A second world in the same directory would sweep the first one away. */
async function refuseTaken(directory: string): Promise<void> {
  const pid = Number(await readFile(pidFile(directory), 'utf8').catch(() => ''))
  if (!(pid > 0) || !isAlive(pid)) return
  throw new Error(`A sandbox is running in ${directory} (process ${pid}). End it, or take another --directory.`)
}

function pidFile(directory: string): string {
  return join(directory, 'sandbox.pid')
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The port itself when it is free, any other when it is taken. */
function freeOr(port: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(0))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)))
  })
}

/** Where everything is, as commands to copy: printed, and shown on the page. */
function addressesOf(world: World): readonly Address[] {
  const addresses = [
    { label: 'service', command: `curl ${world.publicUrl}/health` },
    { label: 'database', command: `psql ${world.serviceDatabaseUrl}` },
    { label: 'cluster', command: `kubectl --kubeconfig ${world.kubeconfig} get all -n ${namespace}` },
    { label: 'kubeconfig', command: `export KUBECONFIG=${world.kubeconfig}` },
    {
      label: 'Stripe',
      command: `curl ${world.stripe.url}/v1/webhook_endpoints -u ${world.environment['STRIPE_SECRET_KEY']}:`,
    },
    { label: 'registry', command: `curl ${world.registry.url}/v2/valuecanvas/api/tags/list` },
    { label: 'Purser', command: `psql ${world.stateDatabaseUrl} -c 'select number, kind, status from purser.runs'` },
    { label: 'backups', command: `ls ${world.backups}` },
    { label: 'log', command: `tail -f ${join(world.directory, 'purser.log')}` },
  ]
  return addresses.map((address) => ({ ...address, secret: holdsSecret.test(address.command) }))
}

/** A password in a URL, or one of Stripe's keys. */
const holdsSecret = /:\/\/[^/\s:]*:[^@\s]+@|\bsk_/

function tellAddresses(world: World): void {
  write(`Open ${world.slack.pageUrl} – you are Dana, Alex or Sam; type /billing deploy v1.2.0 in #billing-deploys\n`)
  for (const { label, command } of addressesOf(world)) write(`  ${label.padEnd(10)} ${command}`)
  write('\nCtrl-C ends everything.')
}

/** From the first second on: whatever has been started must be ended again. */
function interruption(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve('interrupted'))
  })
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  },
)
