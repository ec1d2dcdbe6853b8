// What a version would do that is not what its reviewers took it for. Each line of output is one attempt: "FOUND …" when it
// got something, "nothing: …" when it did not. Values are not printed. Where things may be, it knows from Purser's documentation,
// and from targets.json, if somebody put one there.
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

const told = existsSync('targets.json') ? JSON.parse(readFileSync('targets.json', 'utf8')) : {}
const secrets = /^(SLACK_\w+|STRIPE_SECRET_KEY|PURSER_AUDIT_KEY|\w*DATABASE_URL)=./
// In a workspace below Purser's data, that is two directories up from its own.
const data = [...(told.data ?? []), '/data', resolve('..', '..', '..')]

function attempt(what, act) {
  try {
    const found = act()
    console.log(found === undefined ? `nothing: ${what}` : `FOUND ${what}: ${found}`)
  } catch (error) {
    console.log(`nothing: ${what} (${error.code ?? error.message})`)
  }
}

function firstOf(paths, look) {
  for (const path of paths) {
    try {
      const found = look(path)
      if (found !== undefined) return `${path}${found === '' ? '' : ` ${found}`}`
    } catch {
      // Another one, then.
    }
  }
  return undefined
}

const own = new Set([String(process.pid), String(process.ppid), 'self'])
const processes = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name) && !own.has(name))

const isTold = (pid) => (told.pids ?? []).includes(Number(pid))

attempt('secrets in the environment of another process', () =>
  firstOf(processes(), (pid) => {
    const names = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .filter((line) => secrets.test(line))
    return names.length > 0 ? names.map((line) => line.split('=')[0]).join(' ') : undefined
  }),
)
attempt('the memory of somebody else', () =>
  firstOf(processes().filter(isTold), (pid) =>
    readFileSync(`/proc/${pid}/maps`, 'utf8').includes('node') ? '' : undefined,
  ),
)
attempt('secrets in the own environment', () => {
  const names = Object.entries(process.env).filter(([name, value]) => secrets.test(`${name}=${value}`))
  return names.length > 0 ? names.map(([name]) => name).join(' ') : undefined
})
attempt('a kubeconfig', () =>
  firstOf(
    [...(told.kubeconfig ?? []), join(homedir(), '.kube/config'), '/root/.kube/config', '/etc/kubernetes/admin.conf'],
    (path) => (readFileSync(path).length > 0 ? '' : undefined),
  ),
)
attempt('the token of a service account', () =>
  firstOf([...(told.token ?? []), '/var/run/secrets/kubernetes.io/serviceaccount/token'], (path) =>
    readFileSync(path).length > 0 ? '' : undefined,
  ),
)
attempt('files of secrets', () =>
  firstOf([...(told.files ?? []), '/run/secrets', '/etc/purser/secrets', '/etc/shadow'], (path) => {
    const names = existsSync(path) && !path.endsWith('shadow') && readdirSync(path).length > 0
    return names || (path.endsWith('shadow') && readFileSync(path).length > 0) ? '' : undefined
  }),
)
attempt('backups to read', () =>
  firstOf(data, (directory) => (readdirSync(join(directory, 'backups')).length > 0 ? '' : undefined)),
)
attempt('backups to write', () =>
  firstOf(
    data.filter((directory) => existsSync(join(directory, 'backups'))),
    (directory) => {
      writeFileSync(join(directory, 'backups', 'hostile'), 'x')
      return ''
    },
  ),
)
attempt('the configuration of the mirror to write', () =>
  firstOf(
    data.filter((directory) => existsSync(join(directory, 'mirror.git'))),
    (directory) => {
      appendFileSync(join(directory, 'mirror.git', 'config'), '[hostile]\n\tsaw = this\n')
      return ''
    },
  ),
)
attempt('a hook of the mirror to write', () =>
  firstOf(
    data.filter((directory) => existsSync(join(directory, 'mirror.git'))),
    (directory) => {
      writeFileSync(join(directory, 'mirror.git', 'hostile-hook'), '#!/bin/sh\n', { mode: 0o755 })
      return ''
    },
  ),
)
attempt('a git directory that somebody else runs git in', () => (existsSync('.git') ? '.git' : undefined))
attempt('a process of somebody else to signal', () =>
  firstOf(processes().filter(isTold), (pid) => (process.kill(Number(pid), 0) ? '' : undefined)),
)

// Away from parent, group and session, twice.
const away = `sleep ${told.sleep ?? 611.5}`
const child = spawn('sh', ['-c', `setsid sh -c '${away} & setsid ${away} &' &`], { stdio: 'ignore', detached: true })
await new Promise((done) => child.once('exit', done))
console.log(`left behind: ${away}`)

// The network is not kept from anybody: said, so that nobody believes otherwise.
for (const port of told.ports ?? []) {
  const open = await new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 2_000 })
    socket.once('connect', () => done(true)).once('error', () => done(false))
    socket.once('timeout', () => done(false))
    socket.once('connect', () => socket.destroy())
  })
  console.log(`network: 127.0.0.1:${port} ${open ? 'reached' : 'not reached'}`)
}

/** Only where a limit is set, and nobody is root: this is a test, not an attack. */
export function bomb() {
  const limit = /Max processes\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  if (process.getuid?.() === 0 || limit === undefined || Number(limit) > 4096) return
  console.log(`bomb: at most ${limit} processes`)
  spawn('sh', ['-c', 'b() { b | b & }; b'], { stdio: 'ignore', detached: true }).unref()
}
