import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const pollMs = 25

/** Ends a process group: SIGTERM, after the grace time SIGKILL. Resolves when nobody of it runs any more. */
export async function endGroup(group: number, graceMs: number): Promise<void> {
  if (!signalGroup(group, 'SIGTERM')) return
  const deadline = performance.now() + graceMs
  while (await running(group)) {
    if (performance.now() > deadline) {
      signalGroup(group, 'SIGKILL')
      return
    }
    await sleep(pollMs)
  }
}

function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal)
    return true
  } catch {
    return false // ESRCH says that nobody is left.
  }
}

/**
 * Orphans that have ended stay in the group until process 1 collects them, which in a container it may never do. They
 * must not count as running, so on Linux the states are looked at.
 */
async function running(group: number): Promise<boolean> {
  if (!signalGroup(group, 0)) return false
  if (process.platform !== 'linux') return true
  const names = await readdir('/proc').catch(() => [])
  const states = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map((pid) => stateIn(group, pid)))
  return states.some((state) => state !== undefined && state !== 'Z' && state !== 'X')
}

/**
 * Returns the state letter of a process if it belongs to the group. The line is `pid (name) state ppid pgrp …`; the
 * name may hold anything.
 */
async function stateIn(group: number, pid: string): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(processGroup) === group ? state : undefined
}
