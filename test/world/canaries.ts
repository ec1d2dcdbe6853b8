import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { namespace } from '../../sandbox/world.ts'
import { randomOf } from '../fuzz/secrets.ts'
import type { TestWorld } from './test-world.ts'

const run = promisify(execFile)

/** A secret that exists for this test only: wherever eight of its characters stand together, it came out. */
export interface Canary {
  readonly name: string
  /** As a program would print it, or a person type it: what is round it is all that tells a secret that nobody knows. */
  readonly written: string
  readonly hidden: readonly string[]
}

const random = randomOf(20_261_129)
const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'
const opaque = (length: number) => Array.from({ length }, () => letters[random(letters.length)]).join('')

function canary(name: string, written: (secret: string) => string, length = 24): Canary {
  const secret = opaque(length)
  return { name, written: written(secret), hidden: [secret] }
}

/** What Purser has never heard of, each in one line. */
export const canaries: readonly Canary[] = [
  canary('a key of Stripe', (secret) => `sk_live_${secret}`),
  canary('a coloured key of Stripe', (secret) => `\u001b[31mrk_live_${secret}\u001b[0m`),
  canary('a signing secret', (secret) => `whsec_${secret}`),
  canary('a token of Slack', (secret) => `xoxb-${secret}`),
  canary('a token of GitHub', (secret) => `ghp_${secret}`, 36),
  canary('a bearer token', (secret) => `Authorization: Bearer ${secret}`),
  canary('the password of a database', (secret) => `postgres://app:${secret}@db.internal/billing`),
  canary('a password in JSON', (secret) => `{"user":"app","password":"${secret}"}`),
  canary('a variable of an environment', (secret) => `DB_PASSWORD=${secret}`),
  canary('a query of a URL', (secret) => `https://api.example/x?access_token=${secret}&page=2`),
  canary('a JSON web token', (secret) => `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkYW5hIn0.${secret}`),
]

const keyLines = Array.from({ length: 5 }, () => opaque(64))
const privateKey = ['-----BEGIN PRIVATE KEY-----', ...keyLines, '-----END PRIVATE KEY-----']
export const keyCanary: Canary = { name: 'a private key', written: privateKey.join('\n'), hidden: keyLines }

/** Lines of output that hold every canary; `mark` tells that they have come through. */
export function linesWith(mark: string): readonly string[] {
  return [...canaries.map(({ written }) => `${mark} ${written}`), ...privateKey, `${mark} last`]
}

/** One line that holds those canaries that a line can hold one after the other. */
export function lineWith(mark: string): string {
  return `${mark} ${canaries.map(({ written }) => written).join(' , ')}`
}

/** What Purser knows from its environment, and what it has learned. */
export function knownSecrets(world: TestWorld): readonly Canary[] {
  const { environment, stripe, kubernetes, serviceDatabaseUrl } = world.sandbox
  const given = Object.entries(environment).filter(([name]) => /TOKEN$|SECRET|_KEY$/.test(name))
  const learned = stripe.endpoints().map(({ id }) => [`the signing secret of ${id}`, stripe.secretOf(id) ?? ''])
  const all = [...given, ...learned, ['the token of the cluster', kubernetes.token]]
  const password = decodeURIComponent(new URL(serviceDatabaseUrl).password)
  return [...all, ['the password of the databases', password]].flatMap(([name = '', value = '']) => {
    const secret = value.replace(/^(?:sk_test_|whsec_|xoxb-|xapp-)/, '')
    return secret === '' ? [] : [{ name, written: value, hidden: [secret] }]
  })
}

/** Writes another commit under a tag, and gives it its image: as somebody does who has such a secret in the repository. */
export async function plantInVersion(
  world: TestWorld,
  tag: string,
  { subject, change }: { readonly subject: string; readonly change: (tree: string) => Promise<void> },
): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'purser-canary-'))
  const tree = join(scratch, 'tree')
  const origin = join(world.sandbox.directory, 'repository.git')
  const git = async (...args: readonly string[]) => {
    const author = ['-c', 'user.name=Robin Reyes', '-c', 'user.email=robin@valuecanvas.example']
    return (await run('git', [...author, ...args], { cwd: scratch })).stdout.trim()
  }
  try {
    await git('clone', '--quiet', '--branch', tag, origin, tree)
    await change(tree)
    await writeFile(join(scratch, 'subject'), subject)
    await git('-C', tree, 'commit', '--quiet', '--all', '--file', join(scratch, 'subject'))
    await git('-C', tree, 'tag', '--force', '--annotate', '--message', tag, tag)
    await git('-C', tree, 'push', '--quiet', '--force', 'origin', `refs/tags/${tag}`)
    const commit = await git('-C', tree, 'rev-parse', 'HEAD')
    world.sandbox.registry.move('valuecanvas/api', tag, commit)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Lets every pod of the service write what it should not, now and then, until it is stopped. */
export function plantInLogs(world: TestWorld, mark: string): () => void {
  const { kubernetes } = world.sandbox
  const timer = setInterval(() => {
    for (const { metadata } of kubernetes.list('Pod', namespace))
      for (const line of linesWith(`ERROR billing webhook: ${mark}`))
        kubernetes.writeLog(namespace, String(metadata.name), 'api', line)
  }, 500)
  return () => clearInterval(timer)
}

/** Looks at the command line of every process of this machine until it is stopped; tells which parts of a secret stood there. */
export function watchArguments(secrets: () => readonly Canary[]): () => Promise<readonly string[]> {
  const seen = new Set<string>()
  const look = async () => {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      for (const found of foundIn(line, secrets())) seen.add(`${found} in ${line.split('\0')[0]}`)
    }
  }
  let over = false
  const looking = (async () => {
    while (!over) {
      await look()
      await turn(100)
    }
  })()
  return async () => {
    over = true
    await looking
    return [...seen]
  }
}

/** The names of the canaries of which a text shows eight characters that stand together. */
export function foundIn(text: string, all: readonly Canary[]): readonly string[] {
  const shows = (secret: string) =>
    Array.from({ length: secret.length - 7 }, (_, at) => secret.slice(at, at + 8)).some((part) => text.includes(part))
  return all.filter(({ hidden }) => hidden.some(shows)).map(({ name }) => name)
}

/** Everything that Purser has written down or said, by the place where it is. */
export async function everythingSaid(world: TestWorld): Promise<Readonly<Record<string, string>>> {
  const { control } = world.sandbox.slack
  const state = new URL(world.sandbox.stateDatabaseUrl)
  const args = ['-h', state.hostname, '-p', state.port, '-U', state.username, state.pathname.slice(1)]
  const env = { ...process.env, PGPASSWORD: decodeURIComponent(state.password) }
  const { stdout: dump } = await run('pg_dump', args, { env, maxBuffer: 200_000_000 })
  return {
    'the calls of Slack’s API': JSON.stringify(control.apiCalls()),
    'what people see': JSON.stringify(['dana', 'alex', 'sam'].map((who) => world.seenBy(who as 'dana'))),
    'the files in Slack': control.uploads.map(({ content }) => content.toString()).join('\n'),
    'every schema of the state database, the queue’s too': dump,
    'the log': world.logs(),
    'the data directory': await filesOf(world.sandbox.environment['PURSER_DATA_DIR'] ?? ''),
  }
}

/** Text of what Purser wrote itself: the mirror is the repository, and a backup is the database. */
async function filesOf(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const own = entries.filter(
    (entry) => entry.isFile() && !/mirror\.git\/objects|\.dat(?:\.gz)?$/.test(join(entry.parentPath, entry.name)),
  )
  const texts = await Promise.all(
    own.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1').catch(() => '')),
  )
  return own.map((entry, at) => `${join(entry.parentPath, entry.name)}\n${texts[at]}`).join('\n')
}
