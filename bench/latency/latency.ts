import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startBot } from '../../sandbox/bot.ts'
import { namespace, startWorld, type World } from '../../sandbox/world.ts'
import { ask } from '../../test/support/postgres.ts'
import { addVersion } from './large-version.ts'
import type { Result } from '../measure.ts'
import { firstBoard, inVolleys, type Mode, openWorkspace, type Workspace } from './workspaces.ts'

const perSecond = 50
const largeVersion = 'v1.9.0'

export interface LatencyWanted {
  /** Rounds of commands for each row of acknowledgements. */
  readonly rounds: number
  /** First boards that are measured. */
  readonly boards: number
  /** Bytes of SQL and of log lines that come in meanwhile. */
  readonly bytes: number
}

type Wanted = LatencyWanted & { readonly directory: string }

/**
 * How long people wait, beside a Bolt app that does nothing but answer: the whole program in the sandbox's world, and one workspace
 * for each of the two. What only depends on the size of the input is a test (ten-megabytes.test.ts).
 */
export async function measureLatency(wanted: Wanted): Promise<readonly Result[]> {
  const world = await startWorld({ directory: join(wanted.directory, 'world'), slackPort: 0 })
  try {
    await addVersion(world, largeVersion, wanted.bytes)
    // Over HTTP it is a process that only talks to Slack, so that the one whose event loop is looked at does all the work.
    const [http, socket] = await Promise.all([openApps(world, 'http', 'bot'), openApps(world, 'socket', 'all')])
    try {
      const measured = await acknowledgements('acknowledged, signed HTTP', wanted.rounds, http)
      await http.close()
      return [...(await overSocket(world, wanted, socket)), measured]
    } finally {
      await Promise.all([http.close(), socket.close()])
    }
  } finally {
    await world.close()
  }
}

interface Apps {
  readonly rival: Workspace
  readonly ours: Workspace
  close(): Promise<void>
}

async function openApps(world: World, mode: Mode, role: 'bot' | 'all'): Promise<Apps> {
  const purser = { ...world.environment, LOG_LEVEL: 'debug', PURSER_ROLE: role }
  const [rival, ours] = await Promise.all([
    openWorkspace(mode, logOf(world, `${mode}-rival`)),
    openWorkspace(mode, logOf(world, mode), purser),
  ])
  return { rival, ours, close: async () => void (await Promise.all([rival.close(), ours.close()])) }
}

/** What a process does for the first time takes longer, and is not counted. */
async function acknowledgements(what: string, rounds: number, { rival, ours }: Apps): Promise<Result> {
  await inVolleys(perSecond, Math.min(rounds, perSecond), rival, ours)
  return row(what, await inVolleys(perSecond, rounds, rival, ours))
}

const logOf = (world: World, name: string) => join(world.directory, `${name}.log`)

async function overSocket(world: World, { rounds, boards, bytes }: Wanted, apps: Apps): Promise<readonly Result[]> {
  const { rival, ours } = apps
  const idle = await acknowledgements('acknowledged, Socket Mode', rounds, apps)
  const times: { rival: number[]; ours: number[] } = { rival: [], ours: [] }
  for (let turn = 0; turn < boards; turn += 1) {
    times.rival.push(await firstBoard(rival, 'plan v1.2.0'))
    times.ours.push(await firstBoard(ours, 'plan v1.2.0'))
    await plansEnded(world)
  }
  logsComeIn(world, bytes)
  const [, , loaded] = await Promise.all([
    firstBoard(ours, `plan ${largeVersion}`),
    ours.slack.control.type('U0DANA', 'C0DEPLOYS', '/billing verify'),
    inVolleys(perSecond, rounds, rival, ours),
  ])
  const what = `acknowledged, while ${bytes / 1_000_000} MB of SQL and as much of logs come in`
  const busy = { ...row(what, loaded), note: `${noteOf(what, loaded)} ${await standstills(logOf(world, 'socket'))}` }
  const first = { what: 'first board', ...figures(times, 'posts a message'), runs: boards }
  return [idle, busy, { ...first, note: await resumed(world, ours) }]
}

interface Times {
  readonly rival: readonly number[]
  readonly ours: readonly number[]
}

function figures({ rival, ours }: Times, does = 'acknowledges') {
  return {
    rival: { name: `bare Bolt, ${does}`, milliseconds: rival },
    ours: { name: 'Purser', milliseconds: ours },
  }
}

function row(what: string, times: Times): Result {
  return { what, ...figures(times), runs: times.ours.length, note: noteOf(what, times) }
}

function noteOf(what: string, { rival, ours }: Times): string {
  const both = (times: readonly number[]) => `p50 ${of(times, 0.5)} ms, p99 ${of(times, 0.99)} ms`
  return `${what}, ${perSecond} commands a second to each: bare Bolt ${both(rival)}; Purser ${both(ours)}.`
}

function of(times: readonly number[], part: number): string {
  const sorted = times.toSorted((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN).toFixed(0)
}

async function plansEnded({ stateDatabaseUrl }: World): Promise<void> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline;) {
    const open = await ask(
      stateDatabaseUrl,
      `select 1 from purser.runs where kind in ('deploy', 'verify') and status = 'planning'`,
    )
    if (open.length === 0) return
    await pause(100)
  }
  throw new Error('a plan has not ended within two minutes')
}

/** As many lines as the simulator keeps, over the pods of the service: what a verification reads of the last minutes. */
function logsComeIn({ kubernetes }: World, bytes: number): void {
  const pods = kubernetes.list('Pod', namespace)
  const line = `{"level":"info","msg":"charged","note":"${'words of a log '.repeat(30)}"}`
  for (let size = 0, at = 0; size < bytes; size += line.length, at += 1) {
    const { metadata } = pods[at % pods.length] ?? {}
    kubernetes.writeLog(namespace, String(metadata?.name), 'api', line)
  }
}

/** What Purser itself measured of its event loop; it logs each period of five seconds. */
async function standstills(logFile: string): Promise<string> {
  const periods = (await readFile(logFile, 'utf8'))
    .split('\n')
    .flatMap((line) => /"loopDelayMs":\{"p50":\d+,"p99":(\d+),"max":(\d+)\}/.exec(line)?.slice(1, 3).map(Number) ?? [])
  const [p99, max] = [periods.filter((_, at) => at % 2 === 0), periods.filter((_, at) => at % 2 === 1)]
  if (p99.length === 0) return ''
  return `Event loop, of periods of 5 s from its start on: p99 ${Math.max(...p99)} ms and ${Math.max(...max)} ms at most in the worst one.`
}

interface Holder {
  readonly worker: string
  readonly epoch: number
  readonly status: string
}

/** Whoever makes a plan is killed in the middle of it while another process stands by: how long until that one has it. */
async function resumed(world: World, ours: Workspace): Promise<string> {
  const second = startBot({ ...world.environment, ...ours.environment, PURSER_ROLE: 'worker' }, logOf(world, 'second'))
  try {
    await Promise.all([second.ready, plansEnded(world)])
    await firstBoard(ours, `plan ${largeVersion}`)
    const held = await holder(world, ({ status }) => status === 'running')
    const killed = [second, ours.bot].find(({ pid }) => held.worker.includes(String(pid)))
    if (killed === undefined) throw new Error(`nobody here is the worker ${held.worker}`)
    killed.kill('SIGKILL')
    const began = performance.now()
    await holder(world, ({ epoch }) => epoch > held.epoch)
    const seconds = (performance.now() - began) / 1_000
    return `A plan whose worker was killed was taken up by another process after ${seconds.toFixed(1)} s.`
  } finally {
    second.kill('SIGKILL')
    await second.exited
  }
}

/** The phase `plan` of the newest run, once it is so. */
async function holder({ stateDatabaseUrl }: World, wanted: (found: Holder) => boolean): Promise<Holder> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await pause(100)) {
    const [found] = (await ask(
      stateDatabaseUrl,
      `select worker, epoch, status from purser.phases where name = 'plan' order by run desc limit 1`,
    )) as unknown as readonly Holder[]
    if (found !== undefined && wanted(found)) return found
  }
  throw new Error('waited a minute for the worker of a plan')
}
