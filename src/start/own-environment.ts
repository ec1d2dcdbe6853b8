import { closeSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Sensitive } from '../sensitive.ts'

/*
 * What a process was started with stays readable in /proc/PID/environ for its life, to its own user; nothing that it does
 * later changes that. So `scripts/start.sh` hands the variables over by a pipe and starts Purser with a few harmless ones.
 */

/** The pipe that `scripts/start.sh` leaves open. */
const handedOver = 'PURSER_ENVIRONMENT_FD'
const variables = z.record(z.string(), z.string())

/** The variables that Purser was started with, by whichever way they came. */
export function ownEnvironment(env: NodeJS.ProcessEnv): Readonly<Record<string, string | undefined>> {
  const descriptor = Number(env[handedOver] ?? '')
  if (!Number.isInteger(descriptor) || descriptor < 3) return env
  const text = Buffer.from(readFileSync(descriptor, 'latin1'), 'base64').toString()
  closeSync(descriptor)
  return { ...env, ...variables.parse(JSON.parse(text)) }
}

/** The names of the variables in which everybody who is this process's user can read a secret. */
export function visibleSecrets(secrets: readonly Sensitive[]): readonly string[] {
  let environ: string
  try {
    environ = readFileSync('/proc/self/environ', 'utf8')
  } catch {
    // Without /proc there is nothing to read; what other systems show is not known.
    return []
  }
  const values = new Set(secrets.map((secret) => secret.reveal()))
  return environ.split('\0').flatMap((line) => {
    const at = line.indexOf('=')
    return at > 0 && values.has(line.slice(at + 1)) ? [line.slice(0, at)] : []
  })
}
