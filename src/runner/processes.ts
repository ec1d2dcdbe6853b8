import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/*
 * A program can leave its process group and its parent (`setsid`, two forks), so neither is how a tree is ended. A user is: a
 * runner that is alone with its user, or in a pid namespace of its own, ends everything that it may signal but itself, in
 * one system call, which no fork can outrun.
 */

interface Other {
  readonly pid: number
  readonly parent: number
  readonly name: string
}

const endMs = 10_000

/** The processes that `kill(-1)` of this one would reach. Process 1 is never among them. */
async function othersOfThisUser(): Promise<readonly Other[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(names.map((name) => reachable(Number(name))))
  return found.filter((one) => one !== undefined)
}

/** Those of them that this process did not start itself: a loader of modules may have started one. */
export async function strangersOfThisUser(): Promise<readonly Other[]> {
  const others = await othersOfThisUser()
  const isOurs = (pid: number): boolean =>
    pid === process.pid || others.some((other) => other.pid === pid && isOurs(other.parent))
  return others.filter(({ pid }) => !isOurs(pid))
}

async function reachable(pid: number): Promise<Other | undefined> {
  if (pid === 1 || pid === process.pid) return undefined
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? ''
  if (status === '' || /^[ZX]/.test(field('State'))) return undefined
  const own = process.getuid?.() ?? 0
  const users = field('Uid').split(/\s+/).map(Number)
  return own === 0 || users.includes(own) ? { pid, parent: Number(field('PPid')), name: field('Name') } : undefined
}

/** Whether a program could become somebody else by a setuid program, and so be out of reach. */
export async function mayGainRights(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  return !/^NoNewPrivs:\s*1$/m.test(status)
}

/** Ends every process that this one may signal. False: some are still there. */
export async function endOthers(): Promise<boolean> {
  const deadline = performance.now() + endMs
  for (;;) {
    try {
      process.kill(-1, 'SIGKILL')
    } catch {
      // There is nobody.
    }
    if ((await othersOfThisUser()).length === 0) return true
    if (performance.now() > deadline) return false
    await sleep(10)
  }
}
