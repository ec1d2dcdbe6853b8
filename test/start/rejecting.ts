/** A process in which something fails that nobody waits for, while a phase runs. argv: `rejects` or `throws`. */
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import type { PhaseContext } from '../../src/runbook/phase.ts'
import { logUnhandled, RunningPhases } from '../../src/start/unhandled.ts'

const running = new RunningPhases()
logUnhandled(pino(pino.destination({ sync: true })), () => running.names())
const phase = running.noted(() => async () => {
  await delay(300)
  return { line: 'the phase ended' }
})('deploy', 'rollout')
const ended = phase?.({ run: { number: 7 } } as PhaseContext)
setTimeout(() => {
  if (process.argv[2] === 'throws') throw new Error('thrown from a timer')
  void Promise.reject(new Error('rejected by a timer'))
}, 50)
process.stdout.write(`${(await ended)?.line}, and ${running.names().length} run\n`)
